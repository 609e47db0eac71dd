// The demo's bar: the time in the demo, and buttons that do something to the bot.

import { el } from "./dom.js";
import { fetchState, runDemoAction } from "./rest.js";

const IDLE_TEXT = "Each button does the real thing. This line says what you will see.";
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const dateTime = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  hour: "numeric",
  minute: "2-digit",
});
const CLOCK_UPDATE_MS = 20_000;
const MESSAGE_SHOWN_MS = 20_000;
const RESET_POLL_MS = 200;
const RESET_TIMEOUT_MS = 30_000;

/** A bar with the time and buttons; hidden if the workspace offers no actions. */
export class DemoBar {
  #account;
  #clock;
  #actions;
  #workspace = "";
  #hideTimer = 0;
  #press = 0;
  #isBusy = false;
  #time = el("p", { class: "demo-time" });
  #buttons = el("div", { class: "demo-buttons", role: "group", "aria-label": "Make it happen" });
  #message = el("p", { class: "demo-message idle", role: "status" }, IDLE_TEXT);
  /** Whether the workspace offers actions, which it does if a bot with reports and alerts runs. */
  isOffered = false;
  /** What suggestions depend on: `{isConnected, hasReports, hasAlerts}`. */
  person = {};

  /**
   * `actions` has `say(text)`, which sends a message to the bot; `press()` and `happen()`, which
   * are called when a button is pressed and when that has an effect; `startReset()`; and
   * `leave(message, {isProblem})`, which shows the sign-in.
   */
  constructor(account, clock, actions) {
    this.#account = account;
    this.#clock = clock;
    this.#actions = actions;
    const properties = { class: "demo", hidden: true, "aria-label": "Demo" };
    this.element = el("section", properties, this.#time, this.#message, this.#buttons);
    const timer = setInterval(() => {
      if (this.element.isConnected) this.drawTime();
      else clearInterval(timer);
    }, CLOCK_UPDATE_MS);
  }

  /** Fetch the time, the actions, and what is known about the person. */
  async load() {
    const { workspace, now, isMoved, actions = [], person = {} } = await fetchState(this.#account);
    this.#workspace = workspace;
    this.#clock.follow(now, isMoved);
    this.person = person;
    this.isOffered = actions.length > 0;
    if (this.#buttons.children.length !== actions.length) {
      this.#buttons.replaceChildren(...actions.map((action) => this.#button(action)));
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

  #button({ name, label, hint }) {
    const run = () => this.#run(name);
    return el("button", { type: "button", class: "small", title: hint, onclick: run }, label);
  }

  // A later press has the last word: what an earlier one still tells is not shown.
  async #run(name) {
    if (this.#isBusy) return;
    this.#actions.press();
    this.#press += 1;
    const press = this.#press;
    this.#setBusy(true);
    try {
      for await (const result of runDemoAction(name, this.#account)) {
        this.#clock.follow(result.now, result.isMoved);
        this.#actions.happen();
        if (press !== this.#press) continue;
        if (result.isReset) return void this.#awaitReset(result.message);
        this.#setBusy(Boolean(result.isBusy));
        this.#showMessage(result);
      }
    } catch (error) {
      if (press === this.#press) this.#showMessage({ message: explain(error) });
    }
    if (press === this.#press) this.#setBusy(false);
  }

  // Not "disabled", with which a button would lose the focus.
  #setBusy(isBusy) {
    this.#isBusy = isBusy;
    for (const button of this.#buttons.children) {
      if (isBusy) button.setAttribute("aria-disabled", "true");
      else button.removeAttribute("aria-disabled");
    }
  }

  #showMessage({ message, suggestion, isBusy }) {
    clearTimeout(this.#hideTimer);
    const ask = () => this.#actions.say(suggestion);
    const chip = suggestion
      ? el("button", { type: "button", class: "chip", onclick: ask }, suggestion)
      : "";
    this.#message.classList.remove("idle");
    this.#message.replaceChildren(el("span", {}, message), chip);
    if (!suggestion && !isBusy) this.#hideLater();
  }

  /** The person has said something: what is suggested here has had its time. */
  noteSaid() {
    const chip = this.#message.querySelector(".chip");
    if (!chip) return;
    chip.remove();
    this.#hideLater();
  }

  #hideLater() {
    clearTimeout(this.#hideTimer);
    this.#hideTimer = setTimeout(() => this.#showIdle(), MESSAGE_SHOWN_MS);
  }

  #showIdle() {
    this.#message.classList.add("idle");
    this.#message.replaceChildren(IDLE_TEXT);
  }

  // The bot first finishes what it is doing; then another workspace listens at this address.
  async #awaitReset(message) {
    this.#showMessage({ message: "The demo starts again…", isBusy: true });
    this.#actions.startReset();
    const giveUpAt = Date.now() + RESET_TIMEOUT_MS;
    while (!(await this.#isReset())) {
      if (Date.now() > giveUpAt) return this.#actions.leave("The demo did not come back.");
      await new Promise((resolve) => setTimeout(resolve, RESET_POLL_MS));
    }
    this.#actions.leave(message, { isProblem: false });
  }

  async #isReset() {
    const state = await fetchState(null).catch(() => null);
    return Boolean(state?.actions?.length && state.workspace !== this.#workspace);
  }
}

function explain(error) {
  return error.status ? error.message : "The workspace does not answer.";
}
