// What both suites share. scripts/with_gateway.py sets ROUTER_URL, ROUTER_KEY and UPSTREAM_URL; the packages are
// installed in CLIENT_PACKAGES.

import { createRequire } from "node:module";
import { test } from "node:test";

/** Loads an installed package. */
export const load = createRequire(`${process.env.CLIENT_PACKAGES}/`);

export const router = { url: process.env.ROUTER_URL, key: process.env.ROUTER_KEY };

// What the scripted upstream answers.
export const TEXT = "Hello from the scripted upstream.";
export const THOUGHT = "Six times seven should do.";
export const CONCLUSION = "It is forty-two.";
export const CITY = { city: "Oslo", pop: 717710 };

// What the suites ask with.
export const HELLO = [{ role: "user", content: "hello" }];
export const SCHEMA = {
  type: "object",
  properties: { city: { type: "string" }, pop: { type: "integer" } },
  required: ["city", "pop"],
  additionalProperties: false,
};
export const WEATHER = {
  type: "object",
  properties: { city: { type: "string", description: "A city" } },
  required: ["city"],
  additionalProperties: false,
};
// One red pixel.
export const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4z8AAAAMBAQD3A0FDAAAAAElFTkSuQmCC";
export const PNG_SEEN = `image/png ${Buffer.from(PNG, "base64").length} bytes`;

export const TOOL_CASES = [
  { model: "tool", cities: ["Oslo"], answers: ["12 degrees"] },
  { model: "parallel-tools", cities: ["Oslo", "Bergen"], answers: ["12 degrees", "rain"] },
];

const PATHS = { "up-chat": "/v1/chat/completions", "up-messages": "/v1/messages" };

/** The scripted upstream behind the gateway: what it received. */
export const upstream = {
  reset: () => fetch(`${process.env.UPSTREAM_URL}/__reset`, { method: "POST" }),
  async posts() {
    const requests = await (await fetch(`${process.env.UPSTREAM_URL}/__requests`)).json();
    return requests.filter((request) => request.method === "POST");
  },
  async paths() {
    return (await this.posts()).map((request) => request.path.split("?")[0]);
  },
  async bodies() {
    return (await this.posts()).map((request) => JSON.parse(request.body));
  },
};

/** One test for each pair of protocols: the upstream speaks what the client speaks, or the other one. */
export function forEachProvider(name, story) {
  for (const provider of Object.keys(PATHS)) {
    test(`${name} [${provider}]`, async () => {
      await upstream.reset();
      await story({ provider, upstreamPath: PATHS[provider] });
    });
  }
}

/** The same, once whole and once streamed; `modes` says how to ask in each. */
export function forEachProviderAndMode(modes, name, story) {
  for (const [mode, ask] of Object.entries(modes)) {
    forEachProvider(`${name} (${mode})`, (rig) => story({ ...rig, ask }));
  }
}

/** One test for each of `modes`. */
export function forEachMode(modes, name, story) {
  for (const [mode, ask] of Object.entries(modes)) {
    test(`${name} (${mode})`, async () => {
      await upstream.reset();
      await story({ ask });
    });
  }
}

/** All items of an async iterable. */
export async function collect(items) {
  const all = [];
  for await (const item of items) all.push(item);
  return all;
}

/** How often `part` stands in `text`. */
export const occurrences = (text, part) => text.split(part).length - 1;
