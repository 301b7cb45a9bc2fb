// The official Anthropic SDK against the gateway, over Messages and Chat upstreams.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CITY, collect, CONCLUSION, forEachMode, forEachProvider, forEachProviderAndMode, HELLO, load, occurrences, PNG, PNG_SEEN,
  router, SCHEMA, TEXT, THOUGHT, TOOL_CASES, upstream, WEATHER,
} from "./rig.mjs";

const Anthropic = load("@anthropic-ai/sdk").default;
const client = new Anthropic({ baseURL: router.url, apiKey: router.key, maxRetries: 0, timeout: 20_000 });

const TOOLS = [{ name: "weather", description: "Says the weather", input_schema: WEATHER }];
const FORMAT = { format: { type: "json_schema", schema: SCHEMA } };
const max_tokens = 2048;

// The message; when streamed, the SDK puts it together itself.
const modes = {
  whole: (request) => client.messages.create({ max_tokens, ...request }),
  streamed: (request) => client.messages.stream({ max_tokens, ...request }).finalMessage(),
};

const deltas = async (request) => {
  const events = await collect(await client.messages.create({ max_tokens, ...request, stream: true }));
  return events.filter((event) => event.type === "content_block_delta").map((event) => event.delta);
};

forEachProviderAndMode(modes, "text arrives with its usage", async ({ ask, provider, upstreamPath }) => {
  const message = await ask({ model: `${provider}/text`, messages: HELLO });
  assert.deepEqual(message.content.map(({ type, text }) => [type, text]), [["text", TEXT]]);
  assert.equal(message.stop_reason, "end_turn");
  assert.deepEqual([message.usage.input_tokens, message.usage.output_tokens], [12, 5]);
  assert.deepEqual(await upstream.paths(), [upstreamPath]);
});

forEachProvider("a stream brings the text in pieces", async ({ provider }) => {
  const pieces = (await deltas({ model: `${provider}/stream`, messages: HELLO })).map((delta) => delta.text);
  assert(pieces.length > 1);
  assert.equal(pieces.join(""), TEXT);
});

for (const { model, cities, answers } of TOOL_CASES) {
  forEachProviderAndMode(modes, `${model}: calls go out and results come back`, async ({ ask, provider }) => {
    const request = { model: `${provider}/${model}`, tools: TOOLS };
    const { content, stop_reason } = await ask({ ...request, messages: HELLO });
    assert.equal(stop_reason, "tool_use");
    const calls = content.filter((block) => block.type === "tool_use");
    assert.deepEqual(calls.map(({ name, input }) => [name, input.city]), cities.map((city) => ["weather", city]));
    assert.equal(new Set(calls.map(({ id }) => id)).size, calls.length);

    const results = calls.map(({ id }, at) => ({ type: "tool_result", tool_use_id: id, content: answers[at] }));
    const turns = [{ role: "assistant", content }, { role: "user", content: results }];
    const report = await ask({ ...request, messages: [...HELLO, ...turns] });
    assert.equal(report.content[0].text, `The tools answered: ${answers.join(" and ")}`);
    const sent = (await upstream.posts()).at(-1).body;
    for (const { id } of calls) assert.equal(occurrences(sent, id), 2, "call and result carry one id");
  });
}

forEachProvider("tool arguments stream in pieces", async ({ provider }) => {
  const pieces = (await deltas({ model: `${provider}/tool`, messages: HELLO, tools: TOOLS }))
    .map((delta) => delta.partial_json)
    .filter(Boolean);
  assert(pieces.length > 1);
  assert.deepEqual(JSON.parse(pieces.join("")), { city: "Oslo" });
});

forEachProviderAndMode(modes, "thinking has a signature and can be sent back", async ({ ask, provider }) => {
  const request = { model: `${provider}/thinking`, thinking: { type: "adaptive" } };
  const { content, usage } = await ask({ ...request, messages: HELLO });
  const [thought, text] = content;
  assert.deepEqual([thought.type, thought.thinking, text.text], ["thinking", THOUGHT, CONCLUSION]);
  assert(thought.signature);
  assert.deepEqual([usage.output_tokens, usage.output_tokens_details.thinking_tokens], [12, 7]);

  const turns = [{ role: "assistant", content }, { role: "user", content: "and now?" }];
  const second = await ask({ ...request, messages: [...HELLO, ...turns] });
  assert.equal(second.content.at(-1).text, CONCLUSION);
  const sent = (await upstream.bodies()).at(-1);
  if (provider === "up-messages") {
    const { signature } = thought;
    assert.deepEqual(sent.messages[1].content[0], { type: "thinking", thinking: THOUGHT, signature });
  } else {
    assert(!JSON.stringify(sent).includes(thought.signature), "a signature means nothing to a Chat upstream");
  }
});

forEachProviderAndMode(modes, "a picture reaches the upstream unchanged", async ({ ask, provider }) => {
  const picture = { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } };
  const messages = [{ role: "user", content: [{ type: "text", text: "what is this?" }, picture] }];
  assert.equal((await ask({ model: `${provider}/image`, messages })).content[0].text, PNG_SEEN);
  assert((await upstream.posts())[0].body.includes(PNG));
});

forEachProviderAndMode(modes, "structured output fits the schema", async ({ ask, provider }) => {
  const message = await ask({ model: `${provider}/json-schema`, messages: HELLO, output_config: FORMAT });
  assert.deepEqual(JSON.parse(message.content[0].text), CITY);
});

const ERRORS = {
  400: Anthropic.BadRequestError,
  401: Anthropic.AuthenticationError,
  403: Anthropic.PermissionDeniedError,
  404: Anthropic.NotFoundError,
  429: Anthropic.RateLimitError,
  500: Anthropic.InternalServerError,
  529: load("@anthropic-ai/sdk").OverloadedError,
};

for (const [status, kind] of Object.entries(ERRORS)) {
  forEachProviderAndMode(modes, `status ${status} raises its own class with the message`, async ({ ask, provider }) => {
    await assert.rejects(ask({ model: `${provider}/e${status}`, messages: HELLO }), (error) => {
      assert(error instanceof kind, String(error));
      assert.equal(error.status, Number(status));
      assert.match(error.message, /scripted error/);
      return true;
    });
  });
}

forEachProviderAndMode(modes, "an error that opens a 200 raises the class of its status", async ({ ask, provider }) => {
  await assert.rejects(ask({ model: `${provider}/e-stream`, messages: HELLO }), Anthropic.InternalServerError);
});

forEachProvider("an error after content raises after the text so far", async ({ provider }) => {
  let text = "";
  const reading = async () => {
    const stream = await client.messages.create({ model: `${provider}/e-mid`, messages: HELLO, max_tokens, stream: true });
    for await (const event of stream) text += event.type === "content_block_delta" ? event.delta.text : "";
  };
  await assert.rejects(reading(), Anthropic.APIError);
  assert(text && TEXT.startsWith(text));
});

forEachProviderAndMode(modes, "a cut answer is an error", async ({ ask, provider }) => {
  await assert.rejects(ask({ model: `${provider}/cut`, messages: HELLO }), Anthropic.AnthropicError);
});

forEachMode(modes, "the first upstream's failures stay unseen", async ({ ask }) => {
  assert.equal((await ask({ model: "router-maestro", messages: HELLO })).content[0].text, TEXT);
  assert.deepEqual((await upstream.bodies()).map((body) => body.model), ["e429", "e529", "e-stream", "text"]);
});

forEachProvider("tokens are counted", async ({ provider }) => {
  const count = await client.messages.countTokens({ model: `${provider}/text`, messages: HELLO });
  assert(count.input_tokens > 0);
});

forEachProvider("models are listed under their providers", async ({ provider }) => {
  const ids = (await collect(client.models.list())).map((model) => model.id);
  assert(ids.includes(`${provider}/text`) && ids.includes(`${provider}/tool`));
  assert.equal((await client.models.retrieve(`${provider}/text`)).id, `${provider}/text`);
});

test("a wrong key is refused", async () => {
  await upstream.reset();
  const stranger = client.withOptions({ apiKey: "sk-wrong" });
  const asking = stranger.messages.create({ model: "up-messages/text", max_tokens, messages: HELLO });
  await assert.rejects(asking, Anthropic.AuthenticationError);
  assert.deepEqual(await upstream.posts(), []);
});
