// The workspace's REST API.

const API = "/api/v1/";
const PATIENCE_MS = 15_000;

/** The workspace refused, or could not be reached (`status` 0). The message is for people. */
export class RestError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** The people who can sign in with one click: `{username, name, password}`. */
export async function fetchPeople() {
  const response = await request("/demo/people", {});
  return response.ok ? response.json() : [];
}

/**
 * What the demo's bar and suggestions show: `{workspace, now, isMoved, actions, person}`, where
 * `actions` are `{name, label, hint}`. Without an account there is nothing about the person.
 */
export async function fetchState(account) {
  const response = await request("/demo/state", { headers: account ? identify(account) : {} });
  return readJson(response);
}

/** What the writing field completes: `{line, note}`. */
export async function fetchCommands() {
  const response = await request("/demo/commands", {});
  return response.ok ? response.json() : [];
}

/** Sign in with a password; gives what `Rest` needs. */
export async function signIn(username, password) {
  const answer = await call("login", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ user: username, password }),
  });
  const { userId, authToken, me } = answer.data;
  return { userId, authToken, username: me.username, name: me.name || me.username };
}

/** Calls as one signed-in person. */
export class Rest {
  #headers;

  constructor(account) {
    this.#headers = identify(account);
  }

  get(route, parameters = {}) {
    const query = new URLSearchParams(parameters);
    return call(query.size ? `${route}?${query}` : route, { headers: this.#headers });
  }

  /** An address for a file that only members of its room may have. */
  async fetchFile(path) {
    const response = await request(path, { headers: this.#headers });
    if (!response.ok) throw new RestError("The file is not there.", response.status);
    return URL.createObjectURL(await response.blob());
  }

  post(route, body = {}) {
    return call(route, {
      method: "POST",
      headers: { ...this.#headers, "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  }
}

/**
 * Run one of the demo's actions; gives what happens, one after the other:
 * `{message, suggestion, isBusy, isReset, now, isMoved}`. It may last half a minute.
 */
export async function* runDemoAction(name, account) {
  const options = { method: "POST", headers: identify(account) };
  const response = await fetch(`/demo/actions/${name}`, options);
  if (!response.ok) throw new RestError(`The workspace answered ${response.status}.`, response.status);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; ; ) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (text + value).split("\n");
    text = lines.pop();
    for (const line of lines) yield JSON.parse(line);
  }
}

function identify(account) {
  return { "X-User-Id": account.userId, "X-Auth-Token": account.authToken };
}

async function call(route, options) {
  const response = await request(API + route, options);
  const answer = await readJson(response);
  if (response.ok && answer.success !== false) return answer;
  throw new RestError(explain(response.status, answer), response.status);
}

async function request(path, options) {
  try {
    return await fetch(path, { ...options, signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch {
    throw new RestError("The workspace does not answer.", 0);
  }
}

// Some answers are web pages or empty: unknown paths on 6.5.3, POST logout on 8.3.
async function readJson(response) {
  try {
    return await response.json();
  } catch {
    return {};
  }
}

function explain(status, answer) {
  const text = String(answer.error ?? answer.message ?? "");
  if (status === 429) {
    const seconds = /(\d+) seconds/.exec(text)?.[1];
    return `That was too much at once. Try again in ${seconds ?? "some"} seconds.`;
  }
  return text.replace(/\s*\[[\w-]+\]$/, "") || `The workspace answered ${status}.`;
}
