// Rocket.Chat's markdown as elements. No HTML is ever parsed: everything ends as text nodes.

import { el } from "./dom.js";

const FENCE = /^\s*```/;
const QUOTE = /^(?:>\s?)+/; // Quotes in quotes are shown as one: no text nests the page without end.
const HEADING = /^#{1,4}\s+/;
const BULLET = /^\s*[-*]\s+(?=\S)/;
const NUMBER = /^\s*\d+[.)]\s+(?=\S)/;

/** Markdown to a fragment; `me` is the reader's user name, whose mentions stand out. */
export function renderMarkdown(text, me = "") {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  const fragment = document.createDocumentFragment();
  while (lines.length) fragment.append(takeBlock(lines, me));
  return fragment;
}

function takeBlock(lines, me) {
  if (FENCE.test(lines[0])) return takeFence(lines);
  if (QUOTE.test(lines[0])) {
    const quoted = takeWhile(lines, QUOTE);
    return el("blockquote", {}, renderMarkdown(quoted.join("\n"), me));
  }
  if (HEADING.test(lines[0])) {
    return el("p", { class: "heading" }, ...inline(lines.shift().replace(HEADING, ""), me));
  }
  if (BULLET.test(lines[0])) return makeList("ul", takeWhile(lines, BULLET), me);
  if (NUMBER.test(lines[0])) return takeNumbers(lines, me);
  return takeParagraph(lines, me);
}

function takeFence(lines) {
  const opening = lines.shift().replace(FENCE, "");
  // The whole block may stand on one line: ```text```
  if (opening.includes("```")) return makeFence(opening.slice(0, opening.indexOf("```")));
  const content = [];
  while (lines.length && !lines[0].includes("```")) content.push(lines.shift());
  const last = lines.shift()?.split("```")[0];
  if (last) content.push(last);
  return makeFence(content.join("\n"));
}

function makeFence(content) {
  return el("pre", { tabindex: "0" }, el("code", {}, content));
}

function takeNumbers(lines, me) {
  const start = Number.parseInt(lines[0], 10);
  const list = makeList("ol", takeWhile(lines, NUMBER), me);
  if (start !== 1) list.start = start;
  return list;
}

function takeWhile(lines, mark) {
  const taken = [];
  while (lines.length && mark.test(lines[0])) taken.push(lines.shift().replace(mark, ""));
  return taken;
}

function makeList(tag, items, me) {
  return el(tag, {}, ...items.map((item) => el("li", {}, ...inline(item, me))));
}

function takeParagraph(lines, me) {
  const taken = [lines.shift()];
  const begins = [FENCE, QUOTE, HEADING, BULLET, NUMBER];
  while (lines.length && !begins.some((mark) => mark.test(lines[0]))) taken.push(lines.shift());
  const parts = taken.flatMap((line, at) => [...(at ? [el("br")] : []), ...inline(line, me)]);
  return el("p", {}, ...parts);
}

// Each kind of inline markup: how it looks, and what becomes of it. The first match wins.
const INLINE = [
  { mark: /`([^`]+)`/, make: ([, code]) => el("code", {}, code) },
  {
    mark: /!?\[([^\]]+)\]\(<?((?:[^\s<>()]|\([^\s<>()]*\))+)>?\)/,
    make: ([, label, url], me) => link(url, label, me),
  },
  {
    mark: /<((?:https?:\/\/|mailto:)[^\s|>]+)\|([^>]+)>/,
    make: ([, url, label], me) => link(url, label, me),
  },
  { mark: /https?:\/\/[^\s<>"'`*]+[^\s<>"'`*.,:;!?)\]}]/, make: ([url]) => link(url, url, null) },
  {
    mark: /\*\*(?=\S)(.+?)(?<=\S)\*\*/,
    make: ([, inner], me) => el("strong", {}, ...inline(inner, me)),
  },
  {
    mark: /\*(?=[^\s*])(.+?)(?<=\S)\*/,
    make: ([, inner], me) => el("strong", {}, ...inline(inner, me)),
  },
  {
    mark: /(?<!\w)(_{1,2})(?=[^\s_])(.+?)(?<=\S)\1(?!\w)/,
    make: ([, , inner], me) => el("em", {}, ...inline(inner, me)),
  },
  {
    mark: /(~{1,2})(?=[^\s~])(.+?)(?<=\S)\1/,
    make: ([, , inner], me) => el("s", {}, ...inline(inner, me)),
  },
  { mark: /(?<![\w@.])@([\w.-]*\w)/, make: ([, name], me) => mention(name, me) },
  { mark: /\\([*_~`#.[\]])/, make: ([, letter]) => letter },
];

function inline(text, me) {
  const parts = [];
  let rest = text;
  while (rest) {
    const found = findFirst(rest);
    if (!found) break;
    if (found.match.index) parts.push(rest.slice(0, found.match.index));
    parts.push(found.make(found.match, me));
    rest = rest.slice(found.match.index + found.match[0].length);
  }
  return rest ? [...parts, rest] : parts;
}

function findFirst(text) {
  let first = null;
  for (const { mark, make } of INLINE) {
    const match = mark.exec(text);
    if (match && (!first || match.index < first.match.index)) first = { match, make };
  }
  return first;
}

function link(url, label, me) {
  const inside = me === null ? [label] : inline(label, me);
  if (!/^(https?:\/\/|mailto:)/i.test(url)) return el("span", {}, ...inside);
  return el("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, ...inside);
}

function mention(name, me) {
  const isMine = name === me || name === "all" || name === "here";
  return el("span", { class: isMine ? "mention mine" : "mention" }, `@${name}`);
}
