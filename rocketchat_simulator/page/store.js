// What was said, by room and by thread; one entry per message id.

const ALPHABET = "23456789ABCDEFGHJKLMNPQRSTWXYZabcdefghijkmnopqrstuvwxyz";

/** An id as the workspace's own clients choose them: 17 letters and digits. */
export function makeId() {
  const numbers = crypto.getRandomValues(new Uint32Array(17));
  return Array.from(numbers, (number) => ALPHABET[number % ALPHABET.length]).join("");
}

/** Milliseconds from what REST (ISO text) and realtime (`{$date}`) write. */
export function toTime(value) {
  if (typeof value === "object" && value !== null) return Number(value.$date ?? 0);
  return value ? new Date(value).getTime() : 0;
}

/** The workspace's message in this page's words. */
export function parseMessage(raw) {
  return {
    id: raw._id,
    roomId: raw.rid,
    threadId: raw.tmid ?? null,
    isShownInRoom: !raw.tmid || raw.tshow === true,
    kind: raw.t ?? "",
    text: raw.msg ?? "",
    at: toTime(raw.ts),
    changedAt: toTime(raw._updatedAt),
    username: raw.u?.username ?? "",
    name: raw.alias || raw.u?.name || raw.u?.username || "",
    attachments: raw.attachments ?? [],
    replyCount: raw.tcount ?? 0,
    isEdited: Boolean(raw.editedAt),
    state: "sent",
  };
}

/** Holds messages; `changed(roomId)` is called after each change. */
export class Store {
  #messages = new Map();
  #changed;

  constructor(changed) {
    this.#changed = changed;
  }

  /** Take messages in, new or again; an older copy never replaces a newer one. */
  take(messages) {
    const rooms = new Set();
    for (const message of messages) {
      const known = this.#messages.get(message.id);
      // The stream is often faster than the answer to what it tells about.
      if (known?.state === "sent" && known.changedAt > message.changedAt) continue;
      this.#messages.set(message.id, message);
      rooms.add(message.roomId);
    }
    rooms.forEach((roomId) => this.#changed(roomId));
  }

  find(id) {
    return this.#messages.get(id);
  }

  forget(id) {
    const message = this.#messages.get(id);
    this.#messages.delete(id);
    if (message) this.#changed(message.roomId);
  }

  /** What stands in a room's main column, oldest first. */
  inRoom(roomId) {
    return this.#sorted((message) => message.roomId === roomId && message.isShownInRoom);
  }

  /** A thread: its first message and the replies, oldest first. */
  inThread(rootId) {
    return this.#sorted((message) => message.id === rootId || message.threadId === rootId);
  }

  #sorted(isWanted) {
    return [...this.#messages.values()].filter(isWanted).sort((one, two) => one.at - two.at);
  }
}
