// The demo's bar: the time in the demo, and buttons that run its actions.

import { el } from "./dom.js";
import { fetchClock, runDemoAction } from "./rest.js";

const LABELS = { "next-report": "Next report", attack: "An attacker signs in" };
const DESCRIPTIONS = {
  "next-report": "Let time pass until the next report is due",
  attack: "Somebody signs in as you, from a device you do not have",
};
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const dateTime = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  hour: "numeric",
  minute: "2-digit",
});
const CLOCK_UPDATE_MS = 20_000;
const MESSAGE_SHOWN_MS = 12_000;

/** A bar with the time and buttons; hidden if the workspace offers no actions. */
export class DemoBar {
  #account;
  #clock;
  #say;
  #hideTimer = 0;
  #time = el("p", { class: "demo-time" });
  #buttons = el("div", { class: "demo-buttons", role: "group", "aria-label": "Make it happen" });
  #message = el("p", { class: "demo-message", role: "status", "aria-live": "polite" });
  /** Whether the workspace offers actions, which it does if a bot with reports and alerts runs. */
  isOffered = false;

  /** `say(text)` sends a message to the bot. */
  constructor(account, clock, say) {
    this.#account = account;
    this.#clock = clock;
    this.#say = say;
    const properties = { class: "demo", hidden: true, "aria-label": "Demo" };
    this.element = el("section", properties, this.#time, this.#message, this.#buttons);
    const timer = setInterval(() => {
      if (this.element.isConnected) this.drawTime();
      else clearInterval(timer);
    }, CLOCK_UPDATE_MS);
  }

  /** Fetch the time and the names of the actions. */
  async load() {
    const { now, isMoved, actions = [] } = await fetchClock();
    this.#clock.follow(now, isMoved);
    this.isOffered = actions.length > 0;
    const names = Object.keys(LABELS).filter((name) => actions.includes(name));
    if (this.#buttons.children.length !== names.length) {
      this.#buttons.replaceChildren(...names.map((name) => this.#button(name)));
    }
    this.drawTime();
  }

  show(isWanted) {
    this.element.hidden = !(isWanted && this.isOffered);
  }

  drawTime() {
    const now = this.#clock.now();
    const isMoved = this.#clock.isMoved;
    this.#time.classList.toggle("moved", isMoved);
    this.#time.replaceChildren(
      el("span", { class: "demo-label" }, isMoved ? "In the demo it is " : "It is "),
      el(
        "time",
        { datetime: new Date(now).toISOString() },
        el("span", { class: "demo-label" }, `${weekday.format(now)}, `),
        dateTime.format(now),
      ),
    );
  }

  #button(name) {
    const press = (event) => this.#press(name, event.currentTarget);
    return el(
      "button",
      { type: "button", class: "small", title: DESCRIPTIONS[name], onclick: press },
      LABELS[name],
    );
  }

  async #press(name, button) {
    this.#showMessage(name === "attack" ? "Somebody signs in…" : "Time passes…");
    this.#disable(true);
    try {
      const { message, suggestion, now, isMoved } = await runDemoAction(name, this.#account);
      this.#clock.follow(now, isMoved);
      this.#showMessage(message, suggestion);
    } catch (error) {
      this.#showMessage(error.message);
    }
    this.#disable(false);
    button.focus({ preventScroll: true });
  }

  #disable(isDisabled) {
    for (const button of this.#buttons.children) button.disabled = isDisabled;
  }

  #showMessage(text, suggestion) {
    clearTimeout(this.#hideTimer);
    this.#message.replaceChildren(text);
    if (!suggestion) {
      this.#hideTimer = setTimeout(() => this.#message.replaceChildren(), MESSAGE_SHOWN_MS);
      return;
    }
    const ask = () => {
      this.#message.replaceChildren();
      this.#say(suggestion);
    };
    this.#message.append(
      " To change that: ",
      el("button", { type: "button", class: "chip", onclick: ask }, suggestion),
    );
  }
}
