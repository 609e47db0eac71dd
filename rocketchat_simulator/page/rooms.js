// The rooms one is in: which there are, which is open, which have something new.

import { arrange, el } from "./dom.js";

/** The simulated workspace's bot account. */
export const BOT = "sessions";

function parseRoom(raw) {
  const isDirect = raw.t === "d";
  return {
    id: raw.rid,
    type: raw.t,
    isBot: isDirect && raw.name === BOT,
    name: raw.name,
    title: raw.fname || raw.name,
    isNew: Boolean(raw.alert) || raw.unread > 0,
  };
}

/** The list at the side; `open(roomId)` is called when one is chosen, `changed()` when it changes. */
export class Rooms {
  #rooms = new Map();
  #drawn = new Map();
  #open;
  #changed;
  current = null;

  constructor(open, changed) {
    this.#open = open;
    this.#changed = changed;
    this.element = el("ul", { class: "rooms" });
  }

  /** Take the workspace's subscriptions in. */
  take(subscriptions) {
    for (const raw of subscriptions) {
      const room = parseRoom(raw);
      if (room.id === this.current?.id) room.isNew = false;
      this.#rooms.set(room.id, room);
    }
    this.current = this.#rooms.get(this.current?.id) ?? null;
    this.#draw();
  }

  remove(roomId) {
    this.#rooms.delete(roomId);
    this.#draw();
  }

  /** Direct messages first, the bot's before all others. */
  all() {
    const rank = (room) => (room.isBot ? 0 : room.type === "d" ? 1 : 2);
    const rooms = [...this.#rooms.values()];
    return rooms.sort((one, two) => rank(one) - rank(two) || one.title.localeCompare(two.title));
  }

  find(roomId) {
    return this.#rooms.get(roomId);
  }

  /** What people call somebody, where one has a direct message with them. */
  nameOf(username) {
    const room = this.all().find((each) => each.type === "d" && each.name === username);
    return room?.title ?? username;
  }

  get botRoom() {
    return this.all().find((room) => room.isBot);
  }

  get hasNews() {
    return this.all().some((room) => room.isNew);
  }

  select(roomId) {
    this.current = this.#rooms.get(roomId) ?? null;
    this.see(roomId);
  }

  /** Somebody else spoke in a room. */
  mark(roomId) {
    const room = this.#rooms.get(roomId);
    if (!room || room === this.current) return;
    room.isNew = true;
    this.#draw();
  }

  see(roomId) {
    const room = this.#rooms.get(roomId);
    if (room) room.isNew = false;
    this.#draw();
  }

  #draw() {
    arrange(
      this.element,
      this.all().map((room) => this.#drawOnce(room)),
    );
    this.#changed();
  }

  // What looks the same stays the same element, and keeps the focus.
  #drawOnce(room) {
    const version = JSON.stringify([room, room === this.current]);
    const known = this.#drawn.get(room.id);
    if (known?.version === version) return known.element;
    const element = this.#item(room);
    this.#drawn.set(room.id, { version, element });
    return element;
  }

  #item(room) {
    const isCurrent = room === this.current;
    const news = room.isNew
      ? el("span", { class: "dot", role: "img", "aria-label": "new messages" })
      : null;
    const sign = el(
      "span",
      { class: "sign", "aria-hidden": "true" },
      room.type === "d" ? "@" : "#",
    );
    return el(
      "li",
      {},
      el(
        "button",
        {
          type: "button",
          class: "room",
          "aria-current": isCurrent ? "page" : null,
          onclick: () => this.#open(room.id),
        },
        sign,
        el("span", { class: "room-title" }, room.title),
        room.isBot ? el("span", { class: "tag" }, "bot") : null,
        news,
      ),
    );
  }
}
