// Where one writes: Enter sends, Shift+Enter starts a line, arrow up brings back what was said,
// and Tab completes commands.

import { Completions } from "./completions.js";
import { el } from "./dom.js";

export class Composer {
  #said = [];
  #at = 0;
  #send;
  #input;
  #completions;

  /** `send(text)` is called with what was written; `complete(text)` gives how it may go on. */
  constructor(label, send, complete) {
    this.#send = send;
    this.#input = el("textarea", {
      rows: "1",
      "aria-label": label,
      placeholder: label,
      enterkeyhint: "send",
      autocapitalize: "sentences",
      onkeydown: (event) => this.#press(event),
      oninput: () => this.#resize(),
    });
    this.#completions = new Completions(this.#input, complete, (text) => this.#write(text));
    const button = el("button", { type: "submit", class: "primary" }, "Send");
    this.element = el(
      "form",
      { class: "composer", onsubmit: (event) => this.#submit(event) },
      ...this.#completions.elements,
      this.#input,
      button,
    );
  }

  focus() {
    this.#input.focus({ preventScroll: true });
  }

  /** While there is no room, what is sent would be lost. */
  set isDisabled(isDisabled) {
    this.#input.disabled = isDisabled;
  }

  set label(text) {
    this.#input.placeholder = text;
    this.#input.setAttribute("aria-label", text);
  }

  #submit(event) {
    event.preventDefault();
    const text = this.#input.value.trim();
    if (!text) return;
    this.#said.push(text);
    this.#at = this.#said.length;
    this.#write("");
    this.#completions.close();
    this.#send(text);
  }

  #press(event) {
    if (event.isComposing) return; // Enter there ends a word of an input method.
    if (this.#completions.press(event)) return;
    if (event.key === "Enter" && !event.shiftKey) this.#submit(event);
    else if (event.key === "ArrowUp") this.#recall(event, -1);
    else if (event.key === "ArrowDown") this.#recall(event, 1);
  }

  #recall(event, step) {
    const isUntouched = this.#input.value === (this.#said[this.#at] ?? "");
    const at = this.#at + step;
    if (!isUntouched || at < 0 || at > this.#said.length) return;
    event.preventDefault();
    this.#at = at;
    this.#write(this.#said[at] ?? "");
  }

  #write(text) {
    this.#input.value = text;
    this.#resize();
    this.#input.setSelectionRange(text.length, text.length);
  }

  #resize() {
    this.#input.style.height = "auto";
    this.#input.style.height = `${this.#input.scrollHeight}px`;
  }
}
