// What one can make happen in the demo: time passes, somebody else signs in.

import { el } from "./dom.js";
import { doDeed, fetchClock } from "./rest.js";

const DEEDS = { "next-report": "Next report", attack: "An attacker signs in" };
const EXPLAINED = {
  "next-report": "Let time pass until the next report is due",
  attack: "Somebody signs in as you, from a device you do not have",
};
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const when = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  hour: "numeric",
  minute: "2-digit",
});
const EVERY_MS = 20_000;
const SHOWN_MS = 12_000;

/** A bar with the time and buttons; it is hidden where the workspace offers none. */
export class DemoBar {
  #account;
  #clock;
  #say;
  #fading = 0;
  #time = el("p", { class: "demo-time" });
  #buttons = el("div", { class: "demo-buttons", role: "group", "aria-label": "Make it happen" });
  #told = el("p", { class: "demo-told", role: "status", "aria-live": "polite" });
  /** Whether a bot is there that reports and alerts. */
  isOffered = false;

  /** `say(text)` says something to the bot. */
  constructor(account, clock, say) {
    this.#account = account;
    this.#clock = clock;
    this.#say = say;
    const properties = { class: "demo", hidden: true, "aria-label": "Demo" };
    this.element = el("section", properties, this.#time, this.#told, this.#buttons);
    const timer = setInterval(() => {
      if (this.element.isConnected) this.drawTime();
      else clearInterval(timer);
    }, EVERY_MS);
  }

  /** Ask what time it is, and what can be done. */
  async load() {
    const { now, isMoved, deeds = [] } = await fetchClock();
    this.#clock.follow(now, isMoved);
    this.isOffered = deeds.length > 0;
    const names = Object.keys(DEEDS).filter((name) => deeds.includes(name));
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
        when.format(now),
      ),
    );
  }

  #button(name) {
    const press = (event) => this.#press(name, event.currentTarget);
    return el(
      "button",
      { type: "button", class: "small", title: EXPLAINED[name], onclick: press },
      DEEDS[name],
    );
  }

  async #press(name, button) {
    this.#tell(name === "attack" ? "Somebody signs in…" : "Time passes…");
    this.#disable(true);
    try {
      const { told, suggest, now, isMoved } = await doDeed(name, this.#account);
      this.#clock.follow(now, isMoved);
      this.#tell(told, suggest);
    } catch (error) {
      this.#tell(error.message);
    }
    this.#disable(false);
    button.focus({ preventScroll: true });
  }

  #disable(isDisabled) {
    for (const button of this.#buttons.children) button.disabled = isDisabled;
  }

  #tell(text, suggestion) {
    clearTimeout(this.#fading);
    this.#told.replaceChildren(text);
    if (!suggestion) {
      this.#fading = setTimeout(() => this.#told.replaceChildren(), SHOWN_MS);
      return;
    }
    const ask = () => {
      this.#told.replaceChildren();
      this.#say(suggestion);
    };
    this.#told.append(
      " To change that: ",
      el("button", { type: "button", class: "chip", onclick: ask }, suggestion),
    );
  }
}
