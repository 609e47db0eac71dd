// Messages as they look: a column that scrolls, with days, authors, attachments and threads.

import { drawButtons } from "./buttons.js";
import { arrange, el } from "./dom.js";
import { renderMarkdown } from "./markdown.js";

const TOGETHER_MS = 5 * 60_000;
const NEAR_END_PX = 80;
const MARGIN_PX = 16;
const ARRIVE_TOGETHER_MS = 4000; // a report and its picture

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const longDay = new Intl.DateTimeFormat(undefined, {
  weekday: "long",
  day: "numeric",
  month: "long",
});

/** A column of messages; `actions` has `say(text)`, `openThread(id)`, `retry(id)`, `now()`, `fetchFile(path)`, `me`. */
export class MessageColumn {
  #actions;
  #isThread;
  #scroller;
  #list;
  #more;
  #drawn = new Map();
  #isFollowing = true;
  #place = -1; // where the column was last scrolled to by this page
  #shown = new Set();
  #first = ""; // of the messages that have arrived together
  #arrivedAt = 0;

  constructor(label, actions, { isThread = false } = {}) {
    this.#actions = actions;
    this.#isThread = isThread;
    this.#list = el("div", { class: "messages" });
    const properties = { class: "scroller", tabindex: "0", role: "log", "aria-label": label };
    const watched = { ...properties, onscroll: () => this.#note() };
    this.#scroller = el("div", watched, this.#list);
    this.#more = el(
      "button",
      { type: "button", class: "more", hidden: true, onclick: () => this.#goToEnd() },
      "New messages ",
      el("span", { "aria-hidden": "true" }, "↓"),
    );
    this.element = el("div", { class: "column" }, this.#scroller, this.#more);
    // Neither what appears beside the column nor a picture that arrives late hides its end.
    const watch = new ResizeObserver(() => this.#isFollowing && this.#scrollToNews());
    watch.observe(this.#scroller);
    watch.observe(this.#list);
  }

  /** Show these messages; follows new ones, or says that there are some, if one has scrolled up. */
  show(messages, { toEnd = false, opening = null } = {}) {
    const rows = messages.flatMap((message, at) => this.#rows(message, messages[at - 1]));
    arrange(this.#list, opening ? [opening, ...rows] : rows);
    const arrived = messages.find((message) => !this.#shown.has(message.id));
    this.#shown = new Set(messages.map((message) => message.id));
    if (toEnd) this.#readFrom(messages.at(-1)?.id);
    else if (arrived && this.#isFollowing) this.#takeIn(arrived.id);
    else if (arrived) this.#more.hidden = this.#isNewestInSight();
    else if (this.#isFollowing) this.#scrollToNews();
  }

  /** Follow what comes now: the reader has done something that brings messages. */
  follow() {
    this.#isFollowing = true;
  }

  /** What comes now does not belong to what came before. */
  separate() {
    this.#arrivedAt = -ARRIVE_TOGETHER_MS;
  }

  #readFrom(id) {
    this.#isFollowing = true;
    this.#first = id;
    this.#arrivedAt = performance.now();
    this.#scrollToNews();
  }

  #takeIn(id) {
    const now = performance.now();
    if (now - this.#arrivedAt > ARRIVE_TOGETHER_MS) this.#first = id;
    this.#arrivedAt = now;
    this.#scrollToNews();
  }

  #goToEnd() {
    // The button goes away; without this so would the focus.
    this.#scroller.focus({ preventScroll: true });
    this.#readFrom([...this.#shown].at(-1));
  }

  // Only a reader's own scrolling ends the following, and begins it again.
  #note() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    if (Math.abs(scrollTop - this.#place) < 1) return;
    this.#place = -1;
    this.#isFollowing = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    if (this.#isNewestInSight()) this.#more.hidden = true;
  }

  // To the end, but not past the first of the messages that have arrived together.
  #scrollToNews() {
    const scroller = this.#scroller;
    scroller.scrollTop = scroller.scrollHeight;
    const first = this.#drawn.get(this.#first)?.element;
    const hidden = first?.isConnected ? this.#top - topOf(first) + MARGIN_PX : 0;
    if (hidden > 0) scroller.scrollTop -= hidden;
    this.#place = scroller.scrollTop;
    this.#more.hidden = this.#isNewestInSight();
  }

  get #top() {
    return topOf(this.#scroller);
  }

  #isNewestInSight() {
    const last = this.#list.lastElementChild;
    return !last || topOf(last) + MARGIN_PX < this.#top + this.#scroller.clientHeight;
  }

  #rows(message, before) {
    const isNewDay = !before || dayOf(before.at) !== dayOf(message.at);
    const follows = !isNewDay && isTogether(before, message) && !this.#isThread;
    const row = this.#draw(`${message.id}`, [message, follows], () => this.#row(message, follows));
    if (!isNewDay || this.#isThread) return [row];
    const label = describeDay(message.at, this.#actions.now());
    return [
      this.#draw(`day ${dayOf(message.at)}`, label, () => el("div", { class: "day" }, label)),
      row,
    ];
  }

  // What looks the same stays the same element: a selection or the focus in it survives.
  #draw(key, content, make) {
    const version = JSON.stringify(content);
    const known = this.#drawn.get(key);
    if (known?.version === version) return known.element;
    const element = make();
    this.#drawn.set(key, { version, element });
    return element;
  }

  #row(message, follows) {
    if (message.kind) return el("p", { class: "system" }, describeSystem(message));
    const { me } = this.#actions;
    const classes = ["message", follows && "follows", message.state].filter(Boolean).join(" ");
    return el(
      "article",
      {
        class: classes,
        "data-id": message.id,
        "aria-label": `${message.name}, ${clock.format(message.at)}`,
      },
      follows
        ? el("span", { class: "gutter" }, stamp(message.at))
        : avatar(message.name, message.username),
      el(
        "div",
        { class: "content" },
        follows ? null : author(message),
        message.text ? el("div", { class: "text" }, renderMarkdown(message.text, me)) : null,
        ...message.attachments.map((attachment) => this.#attachment(attachment)),
        message.isEdited ? el("span", { class: "quiet" }, "(edited)") : null,
        this.#problem(message),
        this.#thread(message),
      ),
    );
  }

  #attachment(attachment) {
    const isPicture = attachment.image_url?.startsWith("/file-upload/");
    return isPicture ? this.#picture(attachment) : drawAttachment(attachment, this.#actions);
  }

  #picture({ image_url: path, image_dimensions: size, title, description }) {
    const picture = el("img", {
      class: "picture",
      alt: description ?? title ?? "",
      width: size?.width,
      height: size?.height,
    });
    const load = async () => {
      try {
        picture.src = await this.#actions.fetchFile(path);
      } catch (error) {
        picture.replaceWith(el("p", { class: "problem" }, error.message));
      }
    };
    load();
    return picture;
  }

  #problem(message) {
    if (message.state !== "failed") return null;
    const retry = () => this.#actions.retry(message.id);
    return el(
      "p",
      { class: "problem", role: "alert" },
      `Not sent. ${message.problem} `,
      el("button", { type: "button", class: "small", onclick: retry }, "Try again"),
    );
  }

  #thread(message) {
    if (this.#isThread || message.state !== "sent") return null;
    const open = () => this.#actions.openThread(message.threadId ?? message.id);
    if (message.threadId) return threadButton("Reply in a thread: open it", open, "");
    if (!message.replyCount) return threadButton("Reply in thread", open, "offer");
    const count = message.replyCount === 1 ? "1 reply" : `${message.replyCount} replies`;
    return threadButton(count, open, "");
  }
}

function topOf(element) {
  return element.getBoundingClientRect().top;
}

function threadButton(label, open, extra) {
  return el("button", { type: "button", class: `thread-button ${extra}`, onclick: open }, label);
}

/** A square with the first letter of a name. */
export function avatar(name, username) {
  const hue = [...username].reduce((sum, letter) => (sum * 53 + letter.codePointAt(0)) % 360, 7);
  const letter = (name || username || "?").slice(0, 1).toUpperCase();
  const square = el("span", { class: "avatar", "aria-hidden": "true" }, letter);
  square.style.setProperty("--hue", hue);
  return square;
}

function author(message) {
  return el(
    "header",
    {},
    el("span", { class: "name" }, message.name),
    message.name === message.username
      ? null
      : el("span", { class: "username" }, `@${message.username}`),
    stamp(message.at),
  );
}

function stamp(at) {
  const text = clock.format(at);
  return el("time", { datetime: new Date(at).toISOString(), title: exact.format(at) }, text);
}

function drawAttachment(attachment, { me, say }) {
  const fields = attachment.fields ?? [];
  const box = el(
    "div",
    { class: "attachment" },
    attachment.title ? el("p", { class: "attachment-title" }, ...titleOf(attachment, me)) : null,
    attachment.text ? el("div", { class: "text" }, renderMarkdown(attachment.text, me)) : null,
    fields.length
      ? el("dl", { class: "fields" }, ...fields.map((field) => drawField(field, me)))
      : null,
    drawButtons(attachment, say),
  );
  if (/^#[0-9a-f]{3,8}$/i.test(attachment.color ?? "")) {
    box.style.setProperty("--bar", attachment.color);
  }
  return box;
}

function titleOf(attachment, me) {
  const isLink = /^https?:\/\//.test(attachment.title_link ?? "");
  if (!isLink) return [...renderMarkdown(attachment.title, me).childNodes];
  const link = { href: attachment.title_link, target: "_blank", rel: "noopener noreferrer" };
  return [el("a", link, attachment.title)];
}

function drawField(field, me) {
  return el(
    "div",
    { class: field.short ? "field short" : "field" },
    el("dt", {}, field.title),
    el("dd", { class: "text" }, renderMarkdown(String(field.value), me)),
  );
}

function isTogether(before, message) {
  const isSameAuthor = before.username === message.username && before.name === message.name;
  return isSameAuthor && !before.kind && message.at - before.at < TOGETHER_MS;
}

function dayOf(at) {
  return new Date(at).toDateString();
}

function describeDay(at, now) {
  const yesterday = new Date(now);
  yesterday.setDate(yesterday.getDate() - 1);
  if (dayOf(at) === dayOf(now)) return "Today";
  return dayOf(at) === dayOf(yesterday) ? "Yesterday" : longDay.format(at);
}

const SYSTEM = {
  uj: (message) => `${message.name} joined the room`,
  ul: (message) => `${message.name} left the room`,
  au: (message) => `${message.name} added ${message.text}`,
  ru: (message) => `${message.name} removed ${message.text}`,
  rm: (message) => `${message.name} removed a message`,
  e2e: () => "An encrypted message",
};

function describeSystem(message) {
  return SYSTEM[message.kind]?.(message) ?? message.text;
}
