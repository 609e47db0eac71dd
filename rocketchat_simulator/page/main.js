// Starts the page: the sign-in screen, or the chat of whoever signed in in this tab.

import { Chat } from "./chat.js";
import { drawSignIn } from "./signin.js";

const KEY = "account";
const screen = document.getElementById("screen");

// The consent page asks these cookies who is signed in. Each tab can be somebody else; the one that
// was looked at last counts. Other paths, and so a bot on the same host, are not told.
function tellConsentPage({ userId, authToken } = {}) {
  const rest = `path=/oauth/authorize; SameSite=Lax${userId ? "" : "; max-age=0"}`;
  document.cookie = `rc_uid=${userId ?? ""}; ${rest}`;
  document.cookie = `rc_token=${authToken ?? ""}; ${rest}`;
}

function enter(account) {
  sessionStorage.setItem(KEY, JSON.stringify(account));
  tellConsentPage(account);
  new Chat(account, leave).open(screen);
}

function leave(reason, options) {
  sessionStorage.removeItem(KEY);
  tellConsentPage();
  drawSignIn(screen, enter, reason, options);
}

addEventListener("focus", () => {
  const account = sessionStorage.getItem(KEY);
  if (account) tellConsentPage(JSON.parse(account));
});

const kept = sessionStorage.getItem(KEY);
if (kept) enter(JSON.parse(kept));
else drawSignIn(screen, enter);
