// The first screen: who to be.

import { el } from "./dom.js";
import { fetchPeople, signIn } from "./rest.js";
import { avatar } from "./messages.js";

/**
 * Draw the screen; `enter(account)` is called once somebody is signed in. `reason` says why it is
 * shown: a problem, or else good news.
 */
export function drawSignIn(screen, enter, reason = "", { isProblem = true } = {}) {
  const problem = el("p", { class: "problem", role: "alert", hidden: !reason || !isProblem });
  const news = el("p", { class: "news", role: "status", hidden: !reason || isProblem });
  (isProblem ? problem : news).textContent = reason;
  const people = el("div", { class: "people" });
  screen.replaceChildren(
    el(
      "main",
      { class: "signin" },
      el("p", { class: "eyebrow" }, "Simulated workspace"),
      el("h1", {}, "Which devices are signed in as you?"),
      el(
        "p",
        { class: "lead" },
        "Ask a bot, in chat. This is a small stand-in for a Rocket.Chat workspace to try it in: it runs on this computer, its people are made up, and nothing leaves the machine.",
      ),
      problem,
      news,
      el("h2", {}, "Pick somebody to be"),
      people,
      el("ol", { class: "steps" }, ...STEPS.map((step) => el("li", {}, step))),
    ),
  );
  fillPeople(people, problem, enter);
}

const STEPS = [
  "Sign in, and send one of the suggested questions to the bot.",
  "The bot asks for your permission, with a link. Follow it, and allow the bot to look.",
  "The answer to your question comes by itself, here in the chat.",
  "Then plan a report, or turn alerts on. The buttons above the chat let time pass, let somebody else sign in, and make trouble for the bot.",
];

async function fillPeople(container, problem, enter) {
  try {
    const people = await fetchPeople();
    if (!people.length)
      throw new Error("Nobody is offered here: start the demo to get its people.");
    container.replaceChildren(...people.map((person) => drawPerson(person, problem, enter)));
  } catch (error) {
    show(problem, error.message);
  }
}

function drawPerson(person, problem, enter) {
  const enterAs = async (event) => {
    const button = event.currentTarget;
    button.disabled = true;
    try {
      enter(await signIn(person.username, person.password));
    } catch (error) {
      show(problem, error.message);
      button.disabled = false;
    }
  };
  const name = person.name || person.username;
  const label = el(
    "span",
    { class: "person-label" },
    el("strong", {}, `Sign in as ${name}`),
    el("span", { class: "quiet" }, `@${person.username}`),
  );
  return el(
    "button",
    { type: "button", class: "person", onclick: enterAs },
    avatar(name, person.username),
    label,
  );
}

function show(problem, text) {
  problem.textContent = text;
  problem.hidden = false;
}
