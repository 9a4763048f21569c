// Requests and replies over kafkajs, after docs/contract.md.

import { randomBytes, randomInt, randomUUID } from "node:crypto";
import { AssignerProtocol, Kafka, logLevel, type Consumer, type PartitionAssigner, type Producer } from "kafkajs";
import type { Chunk, Done, Failed, Reply } from "./contract/reply.js";
import type { Request } from "./contract/request.js";

export type Part = Chunk | Done | Failed;

/** Replies to this process alone: it reads one partition of the reply topic, without a shared group. */
export class Client {
  private readonly waiting = new Map<string, (part: Part) => void>();
  private readonly nonce = randomBytes(8).toString("hex");

  private constructor(
    private readonly producer: Producer,
    private readonly consumer: Consumer,
    private readonly replyTopic: string,
    private readonly partition: number,
  ) {}

  static async connect(brokers: string[], replyTopic: string): Promise<Client> {
    const kafka = new Kafka({ brokers, clientId: "switchgear-example", logLevel: logLevel.ERROR });
    const groupId = `switchgear-example-${randomUUID()}`;
    const admin = kafka.admin();
    await admin.connect();
    const ends = await admin.fetchTopicOffsets(replyTopic);
    const { partition, high } = ends[randomInt(ends.length)]!;
    // the end before anything was asked, kept in the group: who has to join again begins there, too
    await admin.setOffsets({ groupId, topic: replyTopic, partitions: [{ partition, offset: high }] });
    await admin.disconnect();

    // kafkajs has no assign(): a group of one's own, whose only member takes one partition
    const consumer = kafka.consumer({
      groupId,
      partitionAssigners: [onePartition(replyTopic, partition)],
    });
    const producer = kafka.producer({ allowAutoTopicCreation: false, idempotent: true, maxInFlightRequests: 1 });
    const client = new Client(producer, consumer, replyTopic, partition);
    await producer.connect();
    await consumer.connect();
    await consumer.subscribe({ topics: [replyTopic] });
    const joined = new Promise<void>((resolve) => consumer.on(consumer.events.GROUP_JOIN, () => resolve()));
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ message }) => {
        const hear = this.mine(client, message.headers?.["x-reply-nonce"], message.key);
        if (hear !== undefined && message.value !== null) hear(JSON.parse(message.value.toString()) as Reply);
      },
    });
    await joined;
    return client;
  }

  /** The answer, or why there is none. */
  async submit(request: Request, timeoutMs: number): Promise<Done | Failed> {
    for await (const part of this.stream(request, timeoutMs)) {
      if (part.type !== "chunk") return part;
    }
    throw new Error("the stream ended without a final reply");
  }

  /** Chunks, each once and of the newest run, then the final reply. Set body.stream to get chunks. */
  async *stream(request: Request, timeoutMs: number): AsyncGenerator<Part> {
    const parts: Part[] = [];
    let wake = (): void => {};
    this.waiting.set(request.id, (part) => {
      parts.push(part);
      wake();
    });
    const deadline = Date.now() + timeoutMs;
    let run = 0;
    let next = 0;
    try {
      await this.publish(request, deadline);
      for (;;) {
        const part = parts.shift();
        if (part === undefined) {
          const leftMs = deadline - Date.now();
          if (leftMs <= 0) throw new Error(`no reply to ${request.id} in time`);
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, leftMs);
            wake = () => {
              clearTimeout(timer);
              resolve();
            };
          });
          continue;
        }
        if (part.type !== "chunk") {
          yield part;
          return;
        }
        const partRun = part.run ?? 0;
        // delivery is at least once, and a takeover begins anew with a higher run; after a gap (the
        // request was sent again while its stream was under way) the final reply tells all
        const begins = partRun > run && part.seq === 0;
        if (!begins && (partRun !== run || part.seq !== next)) continue;
        run = partRun;
        next = part.seq + 1;
        yield part;
      }
    } finally {
      this.waiting.delete(request.id);
    }
  }

  async close(): Promise<void> {
    await this.consumer.disconnect();
    await this.producer.disconnect();
  }

  private async publish(request: Request, deadline: number): Promise<void> {
    await send(this.producer, [request], this.replyTopic, {
      "x-reply-partition": String(this.partition),
      "x-reply-nonce": this.nonce,
      "x-deadline": String(deadline),
    });
  }

  private static mine(
    client: Client,
    nonce: unknown,
    key: Buffer | null,
  ): ((part: Part) => void) | undefined {
    // whoever chose the same partition reads other replies there, and so do we
    if (String(nonce) !== client.nonce || key === null) return undefined;
    return client.waiting.get(key.toString());
  }
}

/** Writes requests whose replies go to `replyTopic`; whoever reads that topic gets them. */
export async function send(
  producer: Producer,
  requests: Request[],
  replyTopic: string,
  more: Record<string, string> = {},
): Promise<void> {
  await producer.send({
    topic: "llm.requests",
    acks: -1,
    messages: requests.map((request) => ({
      key: request.routing?.conversation ?? request.id,
      value: JSON.stringify(request),
      headers: {
        correlation_id: request.id,
        reply_to: replyTopic,
        "content-type": "application/json",
        "x-schema": "switchgear/2",
        "x-submitted": String(Date.now()),
        ...more,
      },
    })),
  });
}

export function chat(tenant: string, prompt: string, stream = false): Request {
  return {
    id: randomUUID(),
    tenant,
    body: { model: "auto", messages: [{ role: "user", content: prompt }], stream },
  };
}

function onePartition(topic: string, partition: number): PartitionAssigner {
  const name = "OnePartition";
  const version = 1;
  const userData = Buffer.alloc(0);
  return () => ({
    name,
    version,
    async assign({ members }) {
      const memberAssignment = AssignerProtocol.MemberAssignment.encode({
        version,
        assignment: { [topic]: [partition] },
        userData,
      });
      return members.map(({ memberId }) => ({ memberId, memberAssignment }));
    },
    protocol({ topics }) {
      return { name, metadata: AssignerProtocol.MemberMetadata.encode({ version, topics, userData }) };
    },
  });
}
