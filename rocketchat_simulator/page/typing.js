// Who is typing, and forgetting it when nothing more is heard.

const FORGET_MS = 15_000;

export class Typing {
  #own;
  #changed;
  #timers = new Map();

  constructor(account, changed) {
    this.#own = new Set([account.username, account.name]);
    this.#changed = changed;
  }

  hear(roomId, name, isTyping) {
    if (this.#own.has(name)) return;
    const key = JSON.stringify([roomId, name]);
    const forget = () => this.#timers.delete(key) && this.#changed();
    clearTimeout(this.#timers.get(key));
    if (!isTyping) return void forget();
    this.#timers.set(key, setTimeout(forget, FORGET_MS));
    this.#changed();
  }

  /** A sentence about a room, or nothing; `nameOf` turns user names into names. */
  describe(roomId, nameOf) {
    const names = [...this.#timers.keys()].map((key) => JSON.parse(key));
    const here = names.filter(([room]) => room === roomId).map(([, name]) => nameOf(name));
    if (!here.length) return "";
    return here.length === 1 ? `${here[0]} is typing` : `${here.join(" and ")} are typing`;
  }
}
