// The chat of one person: ties rooms, messages, panels and the workspace together.

import { Clock } from "./clock.js";
import { complete } from "./completions.js";
import { Composer } from "./composer.js";
import { DemoBar } from "./demo.js";
import { showDevices } from "./devices.js";
import { announce, el } from "./dom.js";
import { Frame } from "./frame.js";
import { MessageColumn } from "./messages.js";
import { Panel } from "./panel.js";
import { Realtime } from "./realtime.js";
import { fetchCommands, Rest } from "./rest.js";
import { BOT, Rooms } from "./rooms.js";
import { makeId, parseMessage, Store } from "./store.js";
import { Thread } from "./thread.js";
import { showTokens } from "./tokens.js";
import { Typing } from "./typing.js";

const AHEAD_MS = 30_000;
const STATE_PAUSE_MS = 150;
const HISTORY = { d: "im.history", c: "channels.history", p: "groups.history" };

export class Chat {
  #account;
  #leave;
  #rest;
  #realtime;
  #rooms;
  #store;
  #panel;
  #column;
  #composer;
  #frame;
  #typing;
  #clock;
  #demo;
  #thread = null;
  #ownSession = "";
  #loaded = new Set();
  #commands = [];
  #stateTimer = 0;

  /** `leave(reason, options)`, as `drawSignIn` takes them, ends it: nobody is signed in. */
  constructor(account, leave) {
    this.#account = account;
    this.#leave = leave;
    this.#rest = new Rest(account);
    this.#store = new Store((roomId) => this.#draw(roomId));
    this.#panel = new Panel(() => this.#closeThread());
    this.#column = new MessageColumn("Messages", this.#actions());
    const { say, complete: find } = this.#actions();
    this.#composer = new Composer("Message", say, find);
    this.#composer.isDisabled = true;
    this.#rooms = new Rooms(
      (roomId) => this.#show(roomId),
      () => this.#frame?.mark(this.#rooms.hasNews),
    );
    this.#typing = new Typing(account, () => this.#showTyping());
    this.#clock = new Clock(() => this.#showTime());
    this.#demo = new DemoBar(account, this.#clock, {
      say: (text) => this.askBot(text),
      press: () => this.#column.follow(),
      happen: () => this.#column.separate(),
      startReset: () => this.#realtime.stop(),
      leave,
    });
    this.#frame = new Frame(account, this, this.#parts());
    this.#realtime = new Realtime(account, this.#ears());
  }

  /** Put the chat on the screen and start listening. */
  open(screen) {
    screen.replaceChildren(this.#frame.element);
    this.#realtime.start();
  }

  openDevices() {
    const ask = (sessionId) => this.askBot(`!session ${sessionId}`);
    const content = showDevices(this.#rest, { ask, ownSession: this.#ownSession });
    this.#panel.open("devices", "Manage devices", ...content);
  }

  openTokens() {
    this.#panel.open("tokens", "Personal access tokens", ...showTokens(this.#rest, this.#account));
  }

  async signOut() {
    this.#realtime.stop();
    await this.#rest.post("logout").catch(() => null);
    this.#leave("");
  }

  /** Say something to the bot in the direct message with it. */
  async askBot(text) {
    const room = this.#rooms.botRoom;
    if (!room) return announce("There is no direct message with the bot.");
    if (this.#frame.isNarrow) this.#panel.close();
    await this.#show(room.id);
    return this.#say(room.id, text);
  }

  /** Say something in the open room. */
  say(text) {
    return this.#say(this.#rooms.current.id, text);
  }

  #parts() {
    return {
      rooms: this.#rooms,
      column: this.#column,
      composer: this.#composer,
      panel: this.#panel,
      demo: this.#demo,
    };
  }

  #actions() {
    return {
      me: this.#account.username,
      say: (text) => this.#say(this.#rooms.current.id, text),
      complete: (text) => complete(text, this.#commands, this.#rooms.current?.isBot),
      openThread: (rootId) => this.#openThread(rootId),
      retry: (id) => this.#retry(id),
      now: () => this.#clock.now(),
      fetchFile: (path) => this.#rest.fetchFile(path),
    };
  }

  #ears() {
    return {
      live: (sessionId) => this.#reload(sessionId),
      lost: () => this.#frame.showConnection(false),
      rejected: () => this.#leave("You were signed out of this device."),
      message: (raw) => this.#hear(parseMessage(raw)),
      deleted: (id) => this.#store.forget(id),
      subscription: (action, raw) => this.#changeRoom(action, raw),
      typing: (roomId, name, isTyping) => this.#typing.hear(roomId, name, isTyping),
    };
  }

  // After each connect: what was said before it, or during the break.
  async #reload(sessionId) {
    this.#ownSession = sessionId;
    this.#loaded.clear();
    this.#frame.showConnection(true);
    await this.#attempt(async () => {
      const { update } = await this.#rest.get("subscriptions.get");
      await this.#findExample();
      await this.#demo.load().catch(() => null);
      this.#commands = await fetchCommands().catch(() => []);
      this.#rooms.take(update);
      if (!this.#rooms.botRoom) await this.#rest.post("im.create", { username: BOT });
      this.#rooms.all().forEach((room) => this.#realtime.follow(room.id));
      const first = this.#rooms.current ?? this.#rooms.all()[0];
      if (first) await this.#show(first.id);
    });
  }

  // Something of one's own to ask about: the oldest sign-in, which no longer changes.
  async #findExample() {
    if (this.#frame.example) return;
    const answer = await this.#rest.get("sessions/list", { count: 50 }).catch(() => null);
    this.#frame.example = answer?.sessions.at(-1)?.sessionId ?? "";
  }

  async #show(roomId) {
    const isOther = this.#rooms.current?.id !== roomId;
    if (isOther && this.#panel.name === "thread") this.#panel.close();
    const hadNews = this.#rooms.find(roomId)?.isNew;
    this.#rooms.select(roomId);
    this.#frame.showRoom(this.#rooms.current);
    this.#draw(roomId, { toEnd: isOther });
    this.#showTyping();
    if (!this.#frame.isNarrow && !this.#panel.name) this.#composer.focus();
    if (!this.#loaded.has(roomId)) {
      await this.#attempt(() => this.#loadHistory(roomId));
      this.#draw(roomId, { toEnd: isOther });
    }
    if (hadNews) this.#read(roomId);
  }

  async #loadHistory(roomId) {
    this.#loaded.add(roomId);
    const route = HISTORY[this.#rooms.find(roomId)?.type];
    if (!route) return;
    const { messages } = await this.#rest.get(route, { roomId, count: 100 });
    this.#store.take(messages.map(parseMessage));
  }

  #showTime() {
    this.#demo.drawTime();
    const room = this.#rooms.current;
    if (room) this.#draw(room.id);
  }

  #read(roomId) {
    this.#rest.post("subscriptions.read", { rid: roomId }).catch(() => null);
  }

  #draw(roomId, options) {
    if (roomId !== this.#rooms.current?.id) return;
    const messages = this.#store.inRoom(roomId);
    this.#column.show(messages, { ...options, opening: this.#frame.describeOpening(messages) });
    this.#thread?.draw();
  }

  #hear(message) {
    // Another tab may have moved the clock.
    const isAhead = message.at > this.#clock.now() + AHEAD_MS;
    if (isAhead || message.username === BOT) this.#refreshDemo();
    this.#store.take([message]);
    if (message.username === this.#account.username) return;
    this.#typing.hear(message.roomId, message.name, false);
    this.#typing.hear(message.roomId, message.username, false);
    this.#rooms.mark(message.roomId);
    // On a phone a panel covers the messages.
    const isCovered = this.#frame.isNarrow && !["", "thread"].includes(this.#panel.name);
    if (isCovered) announce(`${message.name} has written.`);
  }

  // What the bot says may change what to suggest: somebody has connected, or has reports now.
  #refreshDemo() {
    clearTimeout(this.#stateTimer);
    const refresh = async () => {
      await this.#demo.load();
      this.#frame.suggest();
    };
    this.#stateTimer = setTimeout(() => refresh().catch(() => null), STATE_PAUSE_MS);
  }

  #changeRoom(action, raw) {
    if (action === "removed") return this.#rooms.remove(raw.rid);
    this.#rooms.take([raw]);
    return this.#realtime.follow(raw.rid);
  }

  #showTyping() {
    const nameOf = (username) => this.#rooms.nameOf(username);
    this.#frame.showTyping(this.#typing.describe(this.#rooms.current?.id, nameOf));
  }

  async #openThread(rootId) {
    const roomId = this.#rooms.current.id;
    const say = (text) => this.#say(roomId, text, rootId);
    this.#thread = new Thread(rootId, this.#store, { ...this.#actions(), say });
    this.#panel.open("thread", "Thread", this.#thread.element);
    this.#thread.draw({ toEnd: true });
    this.#thread.composer.focus();
    await this.#attempt(() => this.#thread.load(this.#rest));
  }

  #closeThread() {
    this.#thread = null;
  }

  async #say(roomId, text, threadId = null) {
    const { username, name } = this.#account;
    const ts = this.#clock.now();
    const raw = { _id: makeId(), rid: roomId, msg: text, ts, u: { username, name } };
    const message = parseMessage(threadId ? { ...raw, tmid: threadId } : raw);
    await this.#send({ ...message, state: "pending" });
  }

  async #retry(id) {
    await this.#send({ ...this.#store.find(id), state: "pending", at: this.#clock.now() });
  }

  async #send(message) {
    this.#demo.noteSaid();
    this.#store.take([message]);
    this.#draw(message.roomId, { toEnd: true });
    const body = { _id: message.id, rid: message.roomId, msg: message.text };
    if (message.threadId) body.tmid = message.threadId;
    try {
      const answer = await this.#rest.post("chat.sendMessage", { message: body });
      this.#store.take([parseMessage(answer.message)]);
    } catch (error) {
      this.#store.take([{ ...message, state: "failed", problem: error.message }]);
    }
  }

  async #attempt(work) {
    try {
      await work();
    } catch (error) {
      announce(error.message);
    }
  }
}
