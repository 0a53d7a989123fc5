// Foxglove's own client against a running manager: node foxglove.mjs URL TOPIC…
// connects to a robot's address, waits for the topics, reads one message of each by
// the schema that was advertised, and prints {topic: message} as JSON.
import { parse } from "@foxglove/rosmsg";
import { MessageReader } from "@foxglove/rosmsg2-serialization";
import protocol from "@foxglove/ws-protocol";
import { WebSocket } from "ws";

const { FoxgloveClient } = protocol; // a CommonJS module
const [url, ...topics] = process.argv.slice(2);
const socket = new WebSocket(url, [FoxgloveClient.SUPPORTED_SUBPROTOCOL]);
const client = new FoxgloveClient({ ws: socket });
const readers = new Map(); // by subscription
const read = {};

function fail(why) {
  console.error(why);
  process.exit(1);
}

setTimeout(() => fail(`not read within 30 s: ${topics.filter((t) => !(t in read))}`), 30_000).unref();
client.on("error", (error) => fail(error));
client.on("status", (status) => fail(status.message));
client.on("advertise", (channels) => {
  for (const c of channels.filter((channel) => topics.includes(channel.topic))) {
    const reader = new MessageReader(parse(c.schema, { ros2: true }));
    readers.set(client.subscribe(c.id), { topic: c.topic, reader });
  }
});
client.on("message", ({ subscriptionId, data }) => {
  const { topic, reader } = readers.get(subscriptionId);
  read[topic] ??= reader.readMessage(data);
  if (topics.every((t) => t in read)) {
    const plain = (_, v) =>
      typeof v === "bigint" ? String(v) : ArrayBuffer.isView(v) ? Array.from(v).slice(0, 100) : v;
    process.stdout.write(JSON.stringify(read, plain), () => process.exit(0));
  }
});
