// Each check asks the gateway through a client of the ecosystem. argv: the gateway's address.
import assert from "node:assert/strict";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import Anthropic from "@anthropic-ai/sdk";
import { generateText, stepCountIs, streamText, tool } from "ai";
import OpenAI from "openai";
import { z } from "zod";

const base = process.argv[2];
// each question is a new one: what was answered before comes from the cache, without usage
let number = 0;
const question = () => `What is the answer to question ${(number += 1)}?`;
const messages = () => [{ role: "user", content: question() }];
const openai = new OpenAI({ baseURL: `${base}/v1`, apiKey: "none" });
const weather = {
  type: "function",
  function: { name: "weather", parameters: { type: "object", properties: { city: { type: "string" } } } },
};

const checks = {
  async "openai: JSON"() {
    const { data, response } = await openai.chat.completions.create({ model: "economy", messages: messages() }).withResponse();
    assert.equal(data.choices[0].message.content, "42");
    assert.equal(response.headers.get("x-switchgear-tier"), "economy");
  },
  async "openai: stream helper"() {
    const stream = openai.chat.completions.stream({ model: "economy", messages: messages(), stream_options: { include_usage: true } });
    const final = await stream.finalChatCompletion();
    assert.equal(final.choices[0].message.content, "42");
    assert.ok(final.usage.total_tokens > 0);
  },
  async "openai: tools"() {
    const stream = openai.chat.completions.stream({ model: "tools", messages: messages(), tools: [weather] });
    const final = await stream.finalChatCompletion();
    assert.deepEqual(final.choices[0].message.tool_calls.map((c) => [c.function.name, c.function.arguments]), [
      ["weather", '{"city":"Oslo"}'],
    ]);
  },
  async "openai: one key is one request"() {
    const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: "none" });
    const options = { headers: { "Idempotency-Key": "node-1" } };
    const body = { model: "economy", messages: messages() };
    const ask = () => client.chat.completions.create(body, options);
    const [one, two] = await Promise.all([ask(), ask()]);
    assert.deepEqual(one.choices, two.choices);
  },
  async "openai: a wrong request has its own error"() {
    await assert.rejects(openai.chat.completions.create({ model: "none", messages: messages() }), (error) => {
      assert.ok(error instanceof OpenAI.NotFoundError);
      assert.equal(error.code, "model_not_found");
      return true;
    });
  },
  async "openai: responses"() {
    const response = await openai.responses.create({ model: "economy", input: question() });
    assert.equal(response.output_text, "42");
  },
  async "openai: responses, stream helper with a tool and its result"() {
    const tools = [{ type: "function", name: "weather", parameters: weather.function.parameters, strict: false }];
    const stream = openai.responses.stream({ model: "tools", input: question(), tools });
    const types = [];
    for await (const event of stream) types.push(event.type);
    const first = await stream.finalResponse();
    assert.equal(types[0], "response.created");
    assert.equal(types.at(-1), "response.completed");
    const [call] = first.output.filter((item) => item.type === "function_call");
    assert.deepEqual([call.name, call.arguments], ["weather", '{"city":"Oslo"}']);
    const output = { type: "function_call_output", call_id: call.call_id, output: "sunny" };
    const second = await openai.responses.create({
      model: "tools", previous_response_id: first.id, input: [output], tools,
    });
    assert.equal(second.output_text, "It is sunny.");
    const stored = await openai.responses.retrieve(second.id);
    assert.equal(stored.output_text, "It is sunny.");
  },
  async "openai: responses in the background, and the tokens of an input"() {
    let response = await openai.responses.create({ model: "economy", input: question(), background: true });
    while (["queued", "in_progress"].includes(response.status)) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      response = await openai.responses.retrieve(response.id);
    }
    assert.equal(response.output_text, "42");
    const counted = await openai.responses.inputTokens.count({ model: "economy", input: question() });
    assert.ok(counted.input_tokens > 0);
  },
  async "openai: embeddings, as this SDK asks for them and as numbers"() {
    const asked = { model: "embedder", input: ["a", "bcd"] };
    for (const more of [{}, { encoding_format: "float" }]) {
      const made = await openai.embeddings.create({ ...asked, ...more });
      assert.deepEqual(made.data.map((each) => Array.from(each.embedding)), [[1, 0.5, -1, 0], [3, 0.5, -1, 0]]);
      assert.ok(made.usage.total_tokens > 0);
    }
  },
  async "anthropic: JSON and stream"() {
    const client = new Anthropic({ baseURL: base, apiKey: "none" });
    const asked = { model: "economy", max_tokens: 99, messages: messages() };
    const message = await client.messages.create(asked);
    assert.equal(message.content[0].text, "42");
    const final = await client.messages.stream(asked).finalMessage();
    assert.equal(final.content[0].text, "42");
  },
  async "ai: openai-compatible, text and stream"() {
    const provider = createOpenAICompatible({ name: "switchgear", baseURL: `${base}/v1`, includeUsage: true });
    const { text } = await generateText({ model: provider("economy"), prompt: question() });
    assert.equal(text, "42");
    const result = streamText({ model: provider("economy"), prompt: question() });
    let streamed = "";
    for await (const part of result.textStream) streamed += part;
    assert.equal(streamed, "42");
    assert.ok((await result.usage).outputTokens > 0);
  },
  async "ai: openai, chat and responses"() {
    const provider = createOpenAI({ baseURL: `${base}/v1`, apiKey: "none" });
    for (const model of [provider.chat("economy"), provider("economy")]) {
      const { text } = await generateText({ model, prompt: question() });
      assert.equal(text, "42");
      let streamed = "";
      for await (const part of streamText({ model, prompt: question() }).textStream) streamed += part;
      assert.equal(streamed, "42");
    }
  },
  async "ai: an agent calls a tool and goes on"() {
    const provider = createOpenAICompatible({ name: "switchgear", baseURL: `${base}/v1` });
    const asked = [];
    const { text } = await generateText({
      model: provider("tools"),
      prompt: "What is the weather?",
      stopWhen: stepCountIs(3),
      tools: {
        weather: tool({
          description: "The weather of a city",
          inputSchema: z.object({ city: z.string() }),
          execute: async ({ city }) => (asked.push(city), "sunny"),
        }),
      },
    });
    assert.deepEqual(asked, ["Oslo"]);
    assert.equal(text, "It is sunny.");
  },
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}: ${error.stack ?? error}`);
  }
}
process.exit(failed ? 1 : 0);
