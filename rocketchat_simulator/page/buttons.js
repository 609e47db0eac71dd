// Buttons under a message: they say their text as the reader, or open a link.

import { el } from "./dom.js";

/** Draw the buttons of an attachment; `say(text)` sends a message. Null where there are none. */
export function drawButtons(attachment, say) {
  const buttons = (attachment.actions ?? []).filter(isDrawn);
  if (!buttons.length) return null;
  const classes = attachment.button_alignment === "vertical" ? "buttons vertical" : "buttons";
  return el("div", { class: classes }, ...buttons.map((button) => drawButton(button, say)));
}

// As the web client decides (source `ActionAttachtment.tsx`, 8.3).
function isDrawn({ type, text, image_url: image, url, msg_in_chat_window: isMessage }) {
  return type === "button" && (text || image) && (url || isMessage);
}

function drawButton({ text, image_url: image, url, msg }, say) {
  const content = image ? el("img", { src: image, alt: text ?? "" }) : text;
  if (!url) return drawSpeaker(content, msg, say);
  const isWebLink = /^https?:\/\//.test(url);
  const link = { href: isWebLink && url, target: "_blank", rel: "noopener noreferrer" };
  return el("a", { class: "button", ...link }, content);
}

// One press at a time; the focus stays where it is, which a disabled button would lose.
function drawSpeaker(content, msg, say) {
  const press = async () => {
    if (!msg || button.getAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true");
    await say(msg);
    button.removeAttribute("aria-disabled");
  };
  const button = el("button", { type: "button", onclick: press }, content);
  return button;
}
