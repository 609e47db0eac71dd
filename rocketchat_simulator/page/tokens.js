// "Personal access tokens": what one lends to a program so that it may ask as oneself.

import { announce, copyable, el } from "./dom.js";

const USUAL_NAME = "session bot";
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

/** The panel's content for one person. */
export function showTokens(rest, account) {
  return new Tokens(rest, account).content();
}

class Tokens {
  #rest;
  #account;
  #fresh = el("div", { role: "status" });
  #problem = el("p", { class: "problem", role: "alert", hidden: true });
  #list = el("ul", { class: "cards" });
  #name = el("input", {
    id: "token-name",
    required: true,
    maxlength: "60",
    autocomplete: "off",
    value: USUAL_NAME,
  });

  constructor(rest, account) {
    this.#rest = rest;
    this.#account = account;
  }

  content() {
    this.#attempt(() => this.#load());
    return [
      el(
        "p",
        { class: "lead" },
        "With a personal access token, a program you trust can act as you. The bot needs one to read your list of sessions.",
      ),
      el(
        "form",
        { class: "token-form", onsubmit: (event) => this.#create(event) },
        el("label", { for: "token-name" }, "Name of the new token"),
        el(
          "div",
          { class: "row" },
          this.#name,
          el("button", { type: "submit", class: "primary" }, "Add"),
        ),
      ),
      this.#problem,
      this.#fresh,
      el("h3", {}, "Your tokens"),
      this.#list,
    ];
  }

  async #create(event) {
    event.preventDefault();
    await this.#attempt(async () => {
      const tokenName = this.#name.value.trim();
      const body = { tokenName, bypassTwoFactor: false };
      const { token } = await this.#rest.post("users.generatePersonalAccessToken", body);
      this.#fresh.replaceChildren(drawFresh(token, this.#account.userId));
      this.#fresh.scrollIntoView({ block: "nearest" });
      await this.#load();
    });
  }

  async #remove(tokenName) {
    await this.#attempt(async () => {
      await this.#rest.post("users.removePersonalAccessToken", { tokenName });
      announce(`Deleted: ${tokenName}`);
      await this.#load();
    });
  }

  async #load() {
    const { tokens } = await this.#rest.get("users.getPersonalAccessTokens");
    const cards = tokens.map((token) => this.#draw(token));
    this.#list.replaceChildren(
      ...(cards.length ? cards : [el("li", { class: "quiet" }, "None yet.")]),
    );
    this.#suggestName(tokens);
  }

  #suggestName(tokens) {
    const taken = new Set(tokens.map((token) => token.name));
    let name = USUAL_NAME;
    for (let number = 2; taken.has(name); number += 1) name = `${USUAL_NAME} ${number}`;
    this.#name.value = name;
  }

  async #attempt(work) {
    this.#problem.hidden = true;
    try {
      await work();
    } catch (error) {
      this.#problem.textContent = error.message;
      this.#problem.hidden = false;
    }
  }

  #draw({ name, createdAt, lastTokenPart }) {
    return el(
      "li",
      { class: "card line" },
      el(
        "div",
        {},
        el("h3", {}, name),
        el(
          "p",
          { class: "quiet" },
          `ends in ${lastTokenPart}, made ${day.format(new Date(createdAt))}`,
        ),
      ),
      el(
        "button",
        { type: "button", "aria-label": `Delete ${name}`, onclick: () => this.#remove(name) },
        "Delete",
      ),
    );
  }
}

function drawFresh(token, userId) {
  return el(
    "div",
    { class: "card fresh" },
    el("h3", {}, "Here is your new token"),
    el(
      "dl",
      { class: "facts stacked" },
      el("dt", {}, "Your user id"),
      el("dd", {}, copyable("user id", userId)),
      el("dt", {}, "Token"),
      el("dd", {}, copyable("token", token)),
    ),
    el(
      "p",
      {},
      "Paste both into the connection page that the bot linked to. The token is shown only now.",
    ),
  );
}
