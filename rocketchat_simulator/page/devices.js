// "Manage devices": where one is signed in.

import { copyable, el } from "./dom.js";

const when = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** The panel's content; `ask(sessionId)` asks the bot, `ownSession` is this page's connection. */
export function showDevices(rest, { ask, ownSession }) {
  const list = el(
    "ul",
    { class: "cards", "aria-busy": "true" },
    el("li", { class: "quiet" }, "Loading…"),
  );
  fillDevices(list, rest, { ask, ownSession });
  return [
    el(
      "p",
      { class: "lead" },
      "These devices are signed in with your account. Each sign-in is a session with an id of its own; the bot can tell you about each.",
    ),
    list,
  ];
}

async function fillDevices(list, rest, options) {
  try {
    const { sessions } = await rest.get("sessions/list", { count: 50 });
    const cards = sessions.map((session) => drawDevice(session, options));
    list.replaceChildren(...(cards.length ? cards : [el("li", { class: "quiet" }, "None.")]));
  } catch (error) {
    list.replaceChildren(el("li", { class: "problem", role: "alert" }, error.message));
  }
  list.removeAttribute("aria-busy");
}

function drawDevice(session, { ask, ownSession }) {
  const id = session.sessionId;
  const name = nameDevice(session.device);
  const isHere = session.current === true || id === ownSession;
  return el(
    "li",
    { class: "card" },
    el("h3", {}, name, isHere ? el("span", { class: "tag" }, "this page") : null),
    el(
      "dl",
      { class: "facts" },
      ...fact("System", nameSystem(session.device?.os)),
      ...fact("Signed in", session.loginAt ? when.format(new Date(session.loginAt)) : ""),
      ...fact("IP address", session.ip),
      ...fact("Session ID", copyable("session ID", id)),
    ),
    el(
      "button",
      { type: "button", "aria-label": `Ask the bot about ${name}`, onclick: () => ask(id) },
      "Ask the bot",
    ),
  );
}

function fact(label, value) {
  return [
    el("dt", {}, label),
    el("dd", {}, value || el("span", { class: "quiet" }, "not recorded")),
  ];
}

function nameDevice(device = {}) {
  const version = device.type === "mobile-app" ? device.longVersion : device.version;
  return [device.name, version].filter(Boolean).join(" ") || "Unknown device";
}

function nameSystem(os = {}) {
  return [os.name, os.version].filter(Boolean).join(" ");
}
