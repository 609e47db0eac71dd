// What stands round the messages: rooms at the side, the room's head, suggestions, the panel.

import { arrange, el } from "./dom.js";
import { avatar } from "./messages.js";
import { BOT } from "./rooms.js";

const NARROW = matchMedia("(max-width: 760px)");

export class Frame {
  #title = el("h1", {});
  #subtitle = el("p", { class: "quiet" });
  #typing = el("p", { class: "typing", role: "status", "aria-live": "polite" });
  #connection = el("p", { class: "connection", role: "status" }, "Connecting…");
  #chips = el("div", { class: "chips", role: "group", "aria-label": "Suggestions" });
  #menu;
  #chat;
  #account;
  #composer;
  #demo;
  #room = null;
  /** The id of a session to suggest, where there is one. */
  example = "";

  /** `chat` is asked to do what its buttons say; `parts` are put in their places. */
  constructor(account, chat, { rooms, column, composer, panel, demo }) {
    this.#account = account;
    this.#chat = chat;
    this.#composer = composer;
    this.#demo = demo;
    this.#menu = el(
      "button",
      {
        type: "button",
        class: "icon menu",
        "aria-label": "Rooms",
        "aria-expanded": "false",
        onclick: () => this.#toggleRooms(),
      },
      "☰",
    );
    const conversation = el(
      "main",
      { class: "conversation" },
      this.#head(),
      this.#connection,
      demo.element,
      column.element,
      this.#typing,
      this.#chips,
      composer.element,
    );
    this.element = el(
      "div",
      { class: "chat" },
      this.#side(rooms),
      el("div", { class: "veil", onclick: () => this.#toggleRooms(false) }),
      conversation,
      panel.element,
    );
    this.element.addEventListener(
      "keydown",
      (event) => event.key === "Escape" && this.#toggleRooms(false),
    );
  }

  get isNarrow() {
    return NARROW.matches;
  }

  /** Show what to say next; the focus is not lost with a suggestion that goes. */
  suggest() {
    const texts = this.#room ? this.#suggest(this.#room) : [];
    const present = new Map([...this.#chips.children].map((chip) => [chip.textContent, chip]));
    const hadFocus = this.#chips.contains(document.activeElement);
    arrange(
      this.#chips,
      texts.map((text) => present.get(text) ?? this.#chip(text)),
    );
    if (hadFocus && !this.#chips.contains(document.activeElement)) this.#composer.focus();
  }

  showRoom(room) {
    this.#room = room;
    this.#title.textContent = room.type === "d" ? room.title : `# ${room.title}`;
    this.#subtitle.textContent = room.isBot
      ? "Bot, direct message"
      : room.type === "d"
        ? "Direct message"
        : "Channel";
    this.#composer.isDisabled = false;
    this.#composer.label = `Message ${room.type === "d" ? room.title : `#${room.title}`}`;
    this.#demo.show(room.isBot);
    this.suggest();
    this.#toggleRooms(false);
    document.title = `${room.title} · Simulated workspace`;
  }

  /** What stands where nothing was said yet, in the room with the bot. */
  describeOpening(messages) {
    if (!this.#room?.isBot || messages.length) return null;
    return el(
      "div",
      { class: "opening" },
      el("h2", {}, `Hello, ${this.#account.name.split(" ")[0]}`),
      el(
        "p",
        {},
        "This is a direct message with Sessions, a bot. It tells you which devices are signed in as you, since when, and from where.",
      ),
      el("p", {}, "Press the highlighted suggestion to ask about one of them."),
      this.#demo.isOffered
        ? el("p", {}, "Or write “!”, and choose a command from the list that opens.")
        : null,
    );
  }

  showTyping(text) {
    this.#typing.replaceChildren(
      ...(text ? [text, el("span", { class: "dots", "aria-hidden": "true" })] : []),
    );
  }

  showConnection(isLive) {
    this.#connection.textContent = isLive ? "" : "The connection is lost. Connecting again…";
    this.#connection.hidden = isLive;
  }

  /** Mark the button that opens the rooms: something new is in one of them. */
  mark(hasNews) {
    this.#menu.classList.toggle("news", hasNews);
    this.#menu.setAttribute("aria-label", hasNews ? "Rooms, new messages" : "Rooms");
  }

  #toggleRooms(isOpen = !this.element.classList.contains("side-open")) {
    this.element.classList.toggle("side-open", isOpen);
    this.#menu.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) this.element.querySelector(".room").focus();
  }

  #suggest(room) {
    if (!room.isBot) return room.type === "c" ? [`@${BOT} help`] : [];
    if (!this.#demo.isOffered) return [...this.#askExample(), "!sessions", "!help"];
    const { isConnected, hasReports, hasAlerts } = this.#demo.person;
    if (!isConnected) return [...this.#askExample(), "!connect", "!help"];
    const report = hasReports ? "!report" : "!report daily 09:00";
    const alerts = hasAlerts ? "!logout others" : "!alerts on";
    return ["!sessions", "!session last", report, alerts, "!whoami", "!help"];
  }

  #askExample() {
    return this.example ? [`!session ${this.example}`] : [];
  }

  #chip(text) {
    return el(
      "button",
      { type: "button", class: "chip", onclick: () => this.#chat.say(text) },
      text,
    );
  }

  #head() {
    return el(
      "header",
      { class: "room-head" },
      this.#menu,
      el("div", { class: "room-name" }, this.#title, this.#subtitle),
      el("div", { class: "room-actions" }, ...this.#profileButtons("Devices", "Tokens")),
    );
  }

  #profileButtons(devices, tokens) {
    const open = (name) => () => {
      this.#toggleRooms(false);
      this.#chat[name]();
    };
    return [
      el(
        "button",
        { type: "button", "aria-label": "Manage devices", onclick: open("openDevices") },
        devices,
      ),
      el(
        "button",
        { type: "button", "aria-label": "Personal access tokens", onclick: open("openTokens") },
        tokens,
      ),
    ];
  }

  #side(rooms) {
    const { name, username } = this.#account;
    return el(
      "nav",
      { class: "side", "aria-label": "Rooms and profile" },
      el(
        "div",
        { class: "workspace" },
        el("strong", {}, "Simulated workspace"),
        el("span", {}, "Nothing leaves this computer."),
      ),
      el("h2", {}, "Rooms"),
      rooms.element,
      el("div", { class: "spring" }),
      el("h2", {}, "Your profile"),
      el(
        "div",
        { class: "whoami" },
        avatar(name, username),
        el("div", {}, el("strong", {}, name), el("span", {}, `@${username}`)),
      ),
      el(
        "div",
        { class: "profile" },
        ...this.#profileButtons("Manage devices", "Personal access tokens"),
        el("button", { type: "button", onclick: () => this.#chat.signOut() }, "Sign out"),
      ),
    );
  }
}
