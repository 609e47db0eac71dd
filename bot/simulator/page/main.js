// Starts the page: the sign-in screen, or the chat of whoever signed in in this tab.

import { Chat } from "./chat.js";
import { drawSignIn } from "./signin.js";

const KEY = "account";
const screen = document.getElementById("screen");

function enter(account) {
  sessionStorage.setItem(KEY, JSON.stringify(account));
  new Chat(account, leave).open(screen);
}

function leave(reason) {
  sessionStorage.removeItem(KEY);
  drawSignIn(screen, enter, reason);
}

const kept = sessionStorage.getItem(KEY);
if (kept) enter(JSON.parse(kept));
else drawSignIn(screen, enter);
