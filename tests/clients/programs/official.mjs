// An echo bot on the official @rocket.chat/ddp-client, whose REST calls are made by
// @rocket.chat/api-client. Both are used as they are; the client connects again by itself.
import { createHash } from "node:crypto";

import { DDPSDK } from "@rocket.chat/ddp-client";
import WebSocket from "ws";

// In Node.js, an error of a WebSocket that nobody listens to ends the program; in a browser it does not.
globalThis.WebSocket = class extends WebSocket {
  constructor(...options) {
    super(...options);
    this.on("error", () => {});
  }
};

const site = JSON.parse(process.argv[2]);
const sdk = DDPSDK.create(site.url, { retryCount: 100, retryTime: 100 });
await sdk.connection.connect();
const digest = createHash("sha256").update(site.password).digest("hex");
await sdk.account.loginWithPassword(site.username, digest);

sdk.stream("room-messages", "__my_messages__", ({ rid, msg, u }) => {
  if (u.username !== site.username) {
    sdk.rest.post("/v1/chat.sendMessage", { message: { rid, msg: `echo ${msg}` } });
  }
});
