// Ask, stream, publish, collect:
//   node dist/main.js ask     localhost:9092 llm.replies.typescript "What is a mutex?"
//   node dist/main.js stream  localhost:9092 llm.replies.typescript "What is a mutex?"
//   node dist/main.js publish localhost:9092 llm.replies.typescript 100
//   node dist/main.js collect localhost:9092 llm.replies.typescript my-group

import { Kafka, logLevel } from "kafkajs";
import type { Reply } from "./contract/reply.js";
import { chat, Client, send, type Part } from "./switchgear.js";

const TENANT = "examples";
const [mode, bootstrap, topic, argument] = process.argv.slice(2) as [string, string, string, string];
const brokers = bootstrap.split(",");

async function ask(prompt: string): Promise<void> {
  const client = await Client.connect(brokers, topic);
  print(await client.submit(chat(TENANT, prompt), 60_000));
  await client.close();
}

async function stream(prompt: string): Promise<void> {
  const client = await Client.connect(brokers, topic);
  for await (const part of client.stream(chat(TENANT, prompt, true), 60_000)) print(part);
  await client.close();
}

async function publish(count: number): Promise<void> {
  const producer = kafka().producer({ allowAutoTopicCreation: false, idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  const requests = Array.from({ length: count }, (_, number) => chat(TENANT, `Question ${number}?`));
  await send(producer, requests, topic);
  for (const { id } of requests) print({ type: "published", id });
  await producer.disconnect();
}

/** Reads replies as one of a group, until SIGTERM. Members may come and go: a reply may come twice. */
async function collect(groupId: string): Promise<void> {
  const consumer = kafka().consumer({ groupId, sessionTimeout: 10_000, heartbeatInterval: 1_000 });
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) =>
    print({ type: "assigned", partitions: payload.memberAssignment[topic] ?? [] }),
  );
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  process.once("SIGTERM", () => void consumer.disconnect());
  await consumer.run({
    // an offset is committed after its record was printed
    eachMessage: async ({ message }) => {
      if (message.value === null) return;
      const part = JSON.parse(message.value.toString()) as Reply;
      if (part.type !== "chunk") print(part);
    },
  });
}

function kafka(): Kafka {
  return new Kafka({ brokers, clientId: "switchgear-example", logLevel: logLevel.ERROR });
}

function print(value: Part | Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

switch (mode) {
  case "ask":
    await ask(argument);
    break;
  case "stream":
    await stream(argument);
    break;
  case "publish":
    await publish(Number(argument));
    break;
  case "collect":
    await collect(argument);
    break;
  default:
    throw new Error(`unknown: ${mode}`);
}
