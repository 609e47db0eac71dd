// A thread in the panel: its first message, the replies, and a place to answer.

import { Composer } from "./composer.js";
import { el } from "./dom.js";
import { MessageColumn } from "./messages.js";
import { parseMessage } from "./store.js";

export class Thread {
  #store;
  #column;
  rootId;

  /** `actions` are those of a message column and `complete`; `say(text)` answers in the thread. */
  constructor(rootId, store, actions) {
    this.rootId = rootId;
    this.#store = store;
    this.#column = new MessageColumn("Thread", actions, { isThread: true });
    this.composer = new Composer("Answer in this thread", actions.say, actions.complete);
    this.element = el("div", { class: "thread" }, this.#column.element, this.composer.element);
  }

  async load(rest) {
    const { messages } = await rest.get("chat.getThreadMessages", { tmid: this.rootId, count: 50 });
    this.#store.take(messages.map(parseMessage));
  }

  draw(options) {
    this.#column.show(this.#store.inThread(this.rootId), options);
  }
}
