// The official OpenAI SDK against the gateway, over Chat and Messages upstreams.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CITY, collect, CONCLUSION, forEachMode, forEachProvider, forEachProviderAndMode, HELLO, load, occurrences, PNG, PNG_SEEN,
  router, SCHEMA, TEXT, THOUGHT, TOOL_CASES, upstream, WEATHER,
} from "./rig.mjs";

const OpenAI = load("openai").default;
const client = new OpenAI({ baseURL: `${router.url}/v1`, apiKey: router.key, maxRetries: 0, timeout: 20_000 });

const TOOLS = [{ type: "function", function: { name: "weather", description: "Says the weather", parameters: WEATHER } }];
const FORMAT = { type: "json_schema", json_schema: { name: "city", strict: true, schema: SCHEMA } };

// The completion; when streamed, the SDK puts it together itself.
const modes = {
  whole: (request) => client.chat.completions.create(request),
  streamed: (request) =>
    client.chat.completions.stream({ ...request, stream_options: { include_usage: true } }).finalChatCompletion(),
};

forEachProviderAndMode(modes, "text arrives with its usage", async ({ ask, provider, upstreamPath }) => {
  const { choices, usage } = await ask({ model: `${provider}/text`, messages: HELLO });
  assert.equal(choices[0].message.content, TEXT);
  assert.equal(choices[0].finish_reason, "stop");
  assert.deepEqual([usage.prompt_tokens, usage.completion_tokens, usage.total_tokens], [12, 5, 17]);
  assert.deepEqual(await upstream.paths(), [upstreamPath]);
});

forEachProvider("a stream brings the text in pieces", async ({ provider }) => {
  const chunks = await collect(
    await client.chat.completions.create({ model: `${provider}/stream`, messages: HELLO, stream: true }),
  );
  assert(chunks.every((chunk) => chunk.choices.length), "a chunk without choices, though no usage was asked for");
  const pieces = chunks.map((chunk) => chunk.choices[0].delta.content).filter(Boolean);
  assert(pieces.length > 1);
  assert.equal(pieces.join(""), TEXT);
});

for (const { model, cities, answers } of TOOL_CASES) {
  forEachProviderAndMode(modes, `${model}: calls go out and results come back`, async ({ ask, provider }) => {
    const request = { model: `${provider}/${model}`, tools: TOOLS };
    const { message, finish_reason } = (await ask({ ...request, messages: HELLO })).choices[0];
    assert.equal(finish_reason, "tool_calls");
    const calls = message.tool_calls.map(({ id, function: { name, arguments: text } }) => ({ id, name, text }));
    assert.deepEqual(calls.map(({ name, text }) => [name, JSON.parse(text).city]), cities.map((city) => ["weather", city]));
    assert.equal(new Set(calls.map(({ id }) => id)).size, calls.length);

    const tool_calls = calls.map(({ id, name, text }) => ({ id, type: "function", function: { name, arguments: text } }));
    const turn = { role: "assistant", content: message.content, tool_calls };
    const results = calls.map(({ id }, at) => ({ role: "tool", tool_call_id: id, content: answers[at] }));
    const report = await ask({ ...request, messages: [...HELLO, turn, ...results] });
    assert.equal(report.choices[0].message.content, `The tools answered: ${answers.join(" and ")}`);
    const sent = (await upstream.posts()).at(-1).body;
    for (const { id } of calls) assert.equal(occurrences(sent, id), 2, "call and result carry one id");
  });
}

forEachProvider("tool arguments stream in pieces", async ({ provider }) => {
  const request = { model: `${provider}/tool`, messages: HELLO, tools: TOOLS, stream: true };
  const chunks = await collect(await client.chat.completions.create(request));
  const deltas = chunks.flatMap((chunk) => chunk.choices[0].delta.tool_calls ?? []);
  assert(deltas[0].id);
  assert.equal(deltas[0].function.name, "weather");
  const pieces = deltas.map((delta) => delta.function?.arguments).filter(Boolean);
  assert(pieces.length > 1);
  assert.deepEqual(JSON.parse(pieces.join("")), { city: "Oslo" });
});

forEachProvider("thinking is visible and counted", async ({ provider }) => {
  const request = { model: `${provider}/thinking`, messages: HELLO, reasoning_effort: "high" };
  const { choices, usage } = await modes.whole(request);
  assert.equal(choices[0].message.reasoning_content, THOUGHT);
  assert.equal(choices[0].message.content, CONCLUSION);
  assert.deepEqual([usage.completion_tokens, usage.completion_tokens_details.reasoning_tokens], [12, 7]);
});

forEachProvider("thinking streams before the text", async ({ provider }) => {
  const request = { model: `${provider}/thinking`, messages: HELLO, reasoning_effort: "high", stream: true };
  const deltas = (await collect(await client.chat.completions.create(request))).map((chunk) => chunk.choices[0].delta);
  assert.equal(deltas.map((delta) => delta.reasoning_content ?? "").join(""), THOUGHT);
  assert.equal(deltas.map((delta) => delta.content ?? "").join(""), CONCLUSION);
});

forEachProviderAndMode(modes, "a picture reaches the upstream unchanged", async ({ ask, provider }) => {
  const picture = { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}` } };
  const messages = [{ role: "user", content: [{ type: "text", text: "what is this?" }, picture] }];
  const { choices } = await ask({ model: `${provider}/image`, messages });
  assert.equal(choices[0].message.content, PNG_SEEN);
  assert((await upstream.posts())[0].body.includes(PNG));
});

forEachProviderAndMode(modes, "structured output fits the schema", async ({ ask, provider }) => {
  // A Messages model that is known to take a schema.
  const model = `${provider}/claude-sonnet-5/json-schema`;
  const { choices } = await ask({ model, messages: HELLO, response_format: FORMAT });
  assert.deepEqual(JSON.parse(choices[0].message.content), CITY);
});

forEachMode(modes, "structured output comes from a tool where the model takes no schema", async ({ ask }) => {
  const { choices } = await ask({ model: "up-messages/tool", messages: HELLO, response_format: FORMAT });
  assert.deepEqual(JSON.parse(choices[0].message.content), { city: "Oslo", pop: 1 });
  assert.equal(choices[0].finish_reason, "stop");
  assert(!choices[0].message.tool_calls);
});

const ERRORS = {
  400: OpenAI.BadRequestError,
  401: OpenAI.AuthenticationError,
  403: OpenAI.PermissionDeniedError,
  404: OpenAI.NotFoundError,
  429: OpenAI.RateLimitError,
  500: OpenAI.InternalServerError,
  529: OpenAI.InternalServerError,
};

for (const [status, kind] of Object.entries(ERRORS)) {
  forEachProviderAndMode(modes, `status ${status} raises its own class with the message`, async ({ ask, provider }) => {
    await assert.rejects(ask({ model: `${provider}/e${status}`, messages: HELLO }), (error) => {
      assert(error instanceof kind, String(error));
      assert.match(error.message, /scripted error/);
      return true;
    });
  });
}

forEachProviderAndMode(modes, "an error that opens a 200 raises the class of its status", async ({ ask, provider }) => {
  await assert.rejects(ask({ model: `${provider}/e-stream`, messages: HELLO }), OpenAI.InternalServerError);
});

forEachProvider("an error after content raises after the text so far", async ({ provider }) => {
  let text = "";
  const reading = async () => {
    const stream = await client.chat.completions.create({ model: `${provider}/e-mid`, messages: HELLO, stream: true });
    for await (const chunk of stream) text += chunk.choices[0].delta.content ?? "";
  };
  await assert.rejects(reading(), OpenAI.APIError);
  assert(text && TEXT.startsWith(text));
});

forEachProviderAndMode(modes, "a cut answer is an error", async ({ ask, provider }) => {
  await assert.rejects(ask({ model: `${provider}/cut`, messages: HELLO }), OpenAI.OpenAIError);
});

forEachMode(modes, "the first upstream's failures stay unseen", async ({ ask }) => {
  const { choices } = await ask({ model: "router-maestro", messages: HELLO });
  assert.equal(choices[0].message.content, TEXT);
  assert.deepEqual((await upstream.bodies()).map((body) => body.model), ["e429", "e529", "e-stream", "text"]);
});

forEachProvider("models are listed under their providers", async ({ provider }) => {
  const ids = (await collect(client.models.list())).map((model) => model.id);
  assert(ids.includes(`${provider}/text`) && ids.includes(`${provider}/tool`));
  assert.equal((await client.models.retrieve(`${provider}/text`)).id, `${provider}/text`);
});

test("a wrong key is refused", async () => {
  await upstream.reset();
  const stranger = client.withOptions({ apiKey: "sk-wrong" });
  const asking = stranger.chat.completions.create({ model: "up-chat/text", messages: HELLO });
  await assert.rejects(asking, OpenAI.AuthenticationError);
  assert.deepEqual(await upstream.posts(), []);
});
