// The workspace's realtime API (DDP): one websocket, which comes back by itself.

const SILENCE_MS = 45_000; // The server pings after 15 seconds of silence.
const LONGEST_PAUSE_MS = 10_000;

/**
 * Listens as one person. `hear` has: `live(sessionId)` once messages arrive (again after each
 * break), `lost()`, `rejected()` when the token is no longer good, `message(raw)`,
 * `deleted(messageId)`, `subscription(action, raw)` and `typing(roomId, name, isTyping)`.
 */
export class Realtime {
  #account;
  #hear;
  #socket = null;
  #lastId = 0;
  #failures = 0;
  #timer = 0;
  #watch = 0;
  #rooms = new Set();
  #waiting = new Map();
  #isLive = false;

  constructor(account, hear) {
    this.#account = account;
    this.#hear = hear;
  }

  start() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/websocket`);
    this.#socket = socket;
    this.#waiting.clear();
    this.#expectSign();
    socket.onopen = () => this.#send({ msg: "connect", version: "1", support: ["1"] });
    socket.onmessage = (event) => this.#socket === socket && this.#read(JSON.parse(event.data));
    socket.onclose = () => this.#socket === socket && this.#lose();
  }

  stop() {
    clearTimeout(this.#timer);
    clearTimeout(this.#watch);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  /** Hear who types in a room and what is deleted there; kept over breaks. */
  follow(roomId) {
    if (this.#rooms.has(roomId)) return;
    this.#rooms.add(roomId);
    if (this.#isLive) this.#subscribeRoom(roomId);
  }

  #send(frame) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  #subscribe(name, event) {
    const id = this.#nextId();
    this.#send({ msg: "sub", id, name, params: [event, false] });
    return id;
  }

  #subscribeRoom(roomId) {
    this.#subscribe("stream-notify-room", `${roomId}/user-activity`);
    this.#subscribe("stream-notify-room", `${roomId}/deleteMessage`);
  }

  #nextId() {
    this.#lastId += 1;
    return String(this.#lastId);
  }

  #read(frame) {
    this.#expectSign();
    if (frame.msg === "ping") this.#send({ ...frame, msg: "pong" });
    else if (frame.msg === "connected") this.#logIn(frame.session);
    else if (frame.msg === "result") this.#settle(frame.id, frame);
    else if (frame.msg === "ready") frame.subs.forEach((id) => this.#settle(id, frame));
    else if (frame.msg === "changed") this.#deliver(frame.collection, frame.fields ?? {});
  }

  #settle(id, frame) {
    const proceed = this.#waiting.get(id);
    this.#waiting.delete(id);
    proceed?.(frame);
  }

  #logIn(sessionId) {
    const id = this.#nextId();
    const params = [{ resume: this.#account.authToken }];
    this.#waiting.set(id, (frame) => (frame.error ? this.#reject() : this.#listen(sessionId)));
    this.#send({ msg: "method", method: "login", id, params });
  }

  #listen(sessionId) {
    const { userId } = this.#account;
    this.#subscribe("stream-notify-user", `${userId}/subscriptions-changed`);
    this.#rooms.forEach((roomId) => this.#subscribeRoom(roomId));
    const id = this.#subscribe("stream-room-messages", "__my_messages__");
    this.#waiting.set(id, () => {
      this.#failures = 0;
      this.#isLive = true;
      this.#hear.live(sessionId);
    });
  }

  #deliver(collection, { eventName = "", args = [] }) {
    const [subject, event] = eventName.split("/");
    if (collection === "stream-room-messages") this.#hear.message(args[0]);
    else if (event === "subscriptions-changed") this.#hear.subscription(args[0], args[1]);
    else if (event === "deleteMessage") this.#hear.deleted(args[0]._id);
    else if (event === "user-activity") {
      this.#hear.typing(subject, args[0], (args[1] ?? []).includes("user-typing"));
    }
  }

  // A network can go silent without closing: then no ping comes either.
  #expectSign() {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => this.#lose(), SILENCE_MS);
  }

  #reject() {
    this.stop();
    this.#hear.rejected();
  }

  #lose() {
    this.stop();
    this.#isLive = false;
    this.#hear.lost();
    const pause = Math.min(LONGEST_PAUSE_MS, 500 * 2 ** this.#failures);
    this.#failures += 1;
    this.#timer = setTimeout(() => this.start(), pause * (0.5 + Math.random() / 2));
  }
}
