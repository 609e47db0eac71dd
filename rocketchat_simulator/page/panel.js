// The panel at the side (the whole screen on a phone): one thing at a time.

import { el } from "./dom.js";

export class Panel {
  #opener = null;
  #body = el("div", { class: "panel-body" });
  #title = el("h2", { id: "panel-title", tabindex: "-1" });
  #closed;
  name = "";

  /** `closed()` is called after the panel went away. */
  constructor(closed) {
    this.#closed = closed;
    const close = () => this.close();
    this.element = el(
      "aside",
      {
        class: "panel",
        hidden: true,
        "aria-labelledby": "panel-title",
        onkeydown: (event) => this.#press(event),
      },
      el(
        "header",
        {},
        this.#title,
        el(
          "button",
          { type: "button", class: "icon", "aria-label": "Close panel", onclick: close },
          "✕",
        ),
      ),
      this.#body,
    );
  }

  /** Show something; `name` tells what is open. */
  open(name, title, ...content) {
    if (this.element.hidden) this.#opener = document.activeElement;
    this.name = name;
    this.#title.textContent = title;
    this.#body.replaceChildren(...content);
    this.element.hidden = false;
    this.#title.focus();
  }

  close() {
    if (this.element.hidden) return;
    this.element.hidden = true;
    this.name = "";
    this.#body.replaceChildren();
    if (this.#opener?.isConnected) this.#opener.focus();
    this.#closed();
  }

  #press(event) {
    if (event.key === "Escape") this.close();
  }
}
