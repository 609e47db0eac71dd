// An echo bot on the older @rocket.chat/sdk, used as it is; it connects again by itself.
const { Rocketchat } = require("@rocket.chat/sdk");

const site = JSON.parse(process.argv[2]);

async function main() {
  const sdk = new Rocketchat({
    host: site.url,
    protocol: "ddp",
    useSsl: false,
    reopen: 100,
    logger: { debug() {}, info() {}, warn() {}, warning() {}, error: console.error },
  });
  await sdk.connect({});
  await sdk.login({ username: site.username, password: site.password });
  await sdk.subscribe("stream-room-messages", "__my_messages__", { useCollection: true, args: [] });
  await sdk.onStreamData("stream-room-messages", ({ fields: { args: [message] } }) => {
    if (message.u.username === site.username) return;
    sdk.methodCall("sendMessage", { rid: message.rid, msg: `echo ${message.msg}` });
  });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
