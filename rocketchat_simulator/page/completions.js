// Completions of what is being written: a list above the field. Tab takes one, arrows choose.

import { el } from "./dom.js";
import { BOT } from "./rooms.js";
import { makeId } from "./store.js";

const DIRECT_LEAD = new RegExp(`^\\s*(?:@${BOT}\\s+)?!`);
const CHANNEL_LEAD = new RegExp(`^\\s*@${BOT}\\s+!?`);

/**
 * How `text` may go on: `{text, note, isOpen}`, where `isOpen` tells that more words can follow.
 * `lines` are `{line, note}`; outside of its direct message the bot must be mentioned.
 */
export function complete(text, lines, isDirect) {
  const lead = (isDirect ? DIRECT_LEAD : CHANNEL_LEAD).exec(text)?.[0];
  if (lead === undefined) return [];
  const typed = text.slice(lead.length);
  const words = typed.toLowerCase().split(/\s+/);
  const last = words.pop();
  const kept = text.slice(0, text.length - last.length);
  const found = new Map();
  for (const { line, note } of lines) {
    const parts = line.split(" ");
    const rest = parts.slice(words.length);
    if (!rest.length || !words.every((word, at) => parts[at].toLowerCase() === word)) continue;
    if (!rest[0].toLowerCase().startsWith(last)) continue;
    // A whole word goes on with the next one.
    const isWhole = rest[0].toLowerCase() === last;
    const added = isWhole ? rest.slice(0, 2) : rest.slice(0, 1);
    if (isWhole && added.length < 2) continue;
    const whole = kept + added.join(" ");
    const known = found.get(whole);
    const isOpen = Boolean(known?.isOpen) || rest.length > added.length;
    const isCommand = words.length + added.length === 1;
    found.set(whole, { text: whole, note: isCommand ? note : "", isOpen });
  }
  return [...found.values()];
}

/** The list for one field; `find(text)` gives what `complete` gives, `write(text)` fills the field. */
export class Completions {
  #input;
  #find;
  #write;
  #options = [];
  #at = -1;
  #id = `completions-${makeId()}`;
  #list;
  #status = el("p", { class: "unseen", role: "status" });

  constructor(input, find, write) {
    this.#input = input;
    this.#find = find;
    this.#write = write;
    const properties = { class: "completions", role: "listbox", id: this.#id, hidden: true };
    this.#list = el("ul", { ...properties, "aria-label": "Completions" });
    this.elements = [this.#list, this.#status];
    input.setAttribute("aria-autocomplete", "list");
    input.setAttribute("aria-controls", this.#id);
    input.addEventListener("input", () => this.update());
    input.addEventListener("blur", () => this.close());
  }

  update() {
    const { value, selectionEnd } = this.#input;
    this.#options = selectionEnd === value.length ? this.#find(value) : [];
    this.#at = -1;
    this.#draw();
  }

  close() {
    this.#options = [];
    this.#at = -1;
    this.#draw();
  }

  /** Take a key that means the list; gives whether it did. */
  press(event) {
    if (!this.#options.length || event.ctrlKey || event.altKey || event.metaKey) return false;
    const isTaken = this.#act(event);
    if (isTaken) {
      event.preventDefault();
      event.stopPropagation();
    }
    return isTaken;
  }

  #act({ key, shiftKey }) {
    if (key === "Tab" && !shiftKey) this.#take(Math.max(this.#at, 0));
    else if (key === "Enter" && this.#at >= 0) this.#take(this.#at);
    else if (key === "ArrowDown") this.#choose(this.#at + 1);
    else if (key === "ArrowUp") this.#choose(this.#at < 0 ? -1 : this.#at - 1);
    else if (key === "Escape") this.close();
    else return false;
    return true;
  }

  #take(at) {
    const { text, isOpen } = this.#options[at];
    this.#write(isOpen ? `${text} ` : text);
    this.update();
  }

  #choose(at) {
    const count = this.#options.length;
    this.#at = (at + count) % count;
    [...this.#list.children].forEach((item, place) => {
      item.setAttribute("aria-selected", String(place === this.#at));
    });
    const chosen = this.#list.children[this.#at];
    chosen.scrollIntoView({ block: "nearest" });
    this.#input.setAttribute("aria-activedescendant", chosen.id);
  }

  #draw() {
    const count = this.#options.length;
    this.#input.removeAttribute("aria-activedescendant");
    this.#list.hidden = !count;
    this.#list.replaceChildren(...this.#options.map((option, at) => this.#item(option, at)));
    this.#status.textContent = count
      ? `${count} ${count === 1 ? "completion" : "completions"}: Tab takes the first, arrows choose, Escape closes.`
      : "";
  }

  #item({ text, note }, at) {
    // The field keeps the focus.
    const keepFocus = (event) => event.preventDefault();
    const take = () => this.#take(at);
    return el(
      "li",
      {
        role: "option",
        id: `${this.#id}-${at}`,
        "aria-selected": "false",
        onmousedown: keepFocus,
        onclick: take,
      },
      el("code", {}, text.trim()),
      el("span", { class: "quiet" }, note),
      at === 0 ? el("kbd", { "aria-hidden": "true" }, "Tab") : "",
    );
  }
}
