import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildSchema } from "graphql";
import { endpoint, project } from "../../../../examples/flights/definitions.ts";
import { root } from "../../../e2e/platform.ts";
import type { Door } from "../door.ts";
import { operation } from "../graphql-grammar.ts";
import { mutateBytes, mutateJson, mutateText } from "../mutate.ts";
import { below, chance, pick, type Random } from "../random.ts";
import { graphql, http, json, type Step, type WsStep } from "../shot.ts";

export const schema = buildSchema(readFileSync(join(root, "graphql/schema.graphql"), "utf8"));

const queries = [
  "{ __typename }",
  `{ project(id: "${project}") { name } }`,
  `{ models(project: "${project}", first: 5) { edges { node { slug latestVersion } } pageInfo { endCursor } } }`,
  `{ model(project: "${project}", id: "delays") { slug tags createdAt } }`,
  `{ deployments(project: "${project}") { edges { node { slug columns { name from } } } } }`,
  `{ predictions(project: "${project}", endpoint: "${endpoint}", first: 3) { edges { node { id output } } } }`,
  `{ events(project: "${project}", first: 5) { edges { node { type data } } } }`,
  `{ consumerLag(project: "${project}") { topic lag } }`,
  `{ onlineFeatures(project: "${project}", view: "origin", entities: ["SFO"]) { __typename } }`,
  `{ liveMetrics(project: "${project}", endpoint: "${endpoint}") { __typename } }`,
  `{ auditHead(project: "${project}") { __typename } }`,
  `{ __schema { queryType { name } } }`,
];

/** Documents that are long or deep in one way each. */
const heavy: readonly ((random: Random) => string)[] = [
  (random) => `{ ${"... { ".repeat(below(random, 4000))}__typename`,
  (random) => {
    const depth = below(random, 3000);
    return `{ ${"a { ".repeat(depth)}b${" }".repeat(depth)} }`;
  },
  (random) => `{ ${Array.from({ length: below(random, 3000) }, (_, i) => `a${i}: __typename`).join(" ")} }`,
  (random) => `query (${Array.from({ length: below(random, 500) }, (_, i) => `$v${i}: Int`)}) { __typename }`,
  (random) => `query ($v: String = ${"[".repeat(below(random, 3000))}) { __typename }`,
  (random) => {
    const count = below(random, 60);
    const spreads = Array.from({ length: count }, (_, i) => `fragment f${i} on Query { ...f${i + 1} ...f${i + 1} }`);
    return `{ ...f0 } ${spreads.join(" ")} fragment f${count} on Query { __typename }`;
  },
  () => "fragment f on Query { ...f } { ...f }",
  (random) =>
    `{ __schema { types { ${Array.from({ length: below(random, 300) }, (_, i) => `a${i}: fields { name type { name ofType { name } } }`).join(" ")} } } }`,
  (random) => `{ __typename ${"@include(if: true) ".repeat(below(random, 1000))} }`,
  (random) => `{ models(project: "${"\\u0041".repeat(below(random, 3000))}") { total } }`,
];

const nestedJson = (random: Random): string => {
  const depth = below(random, 6000);
  return `{"query":"{ __typename }","variables":${'{"a":'.repeat(depth)}1${"}".repeat(depth)}}`;
};

export const graphqlDoor: Door = {
  name: "graphql",
  weight: 6,
  good: () => queries.map((query) => graphql(query)),
  shoot(random, { known }): Step[] {
    const kind = below(random, 10);
    if (kind <= 3) {
      const { query, variables } = operation({ schema, known, random }, chance(random, 0.55) ? "query" : "mutation");
      return [graphql(query, variables)];
    }
    if (kind === 4) return [graphql(mutateText(random, pick(random, queries)))];
    if (kind === 5) {
      const { query, variables } = operation({ schema, known, random }, "query");
      return [graphql(mutateText(random, query), mutateJson(random, variables))];
    }
    if (kind === 6) return [graphql(pick(random, heavy)(random))];
    if (kind === 7)
      return [http("POST", "/graphql", { headers: { "content-type": "application/json" }, body: nestedJson(random) })];
    if (kind === 8)
      return [
        json("POST", "/graphql", mutateJson(random, { query: "{ __typename }", variables: {}, operationName: null })),
      ];
    const body = mutateBytes(random, Buffer.from(JSON.stringify({ query: pick(random, queries) })));
    const type = pick(random, ["application/json", "application/graphql", "text/plain", "multipart/form-data", ""]);
    return [
      http(pick(random, ["POST", "GET", "PUT"]), "/graphql", {
        headers: type === "" ? {} : { "content-type": type },
        body,
      }),
    ];
  },
};

const socketMessages = (random: Random, known: Parameters<typeof operation>[0]["known"]): string[] => {
  const subscribe = (id: string): object => {
    const kind = chance(random, 0.7) ? "subscription" : "query";
    return { id, type: "subscribe", payload: operation({ schema, known, random }, kind) };
  };
  const messages: unknown[] = [{ type: "connection_init", payload: {} }];
  for (let i = below(random, 6); i > 0; i--) {
    messages.push(
      pick(random, [
        () => subscribe(String(below(random, 3))),
        () => subscribe(String(below(random, 3))),
        () => ({ type: "connection_init", payload: { authorization: "Bearer x" } }),
        () => ({ id: String(below(random, 3)), type: "complete" }),
        () => ({ type: pick(random, ["ping", "pong", "nonsense", "start", "stop"]) }),
        () => mutateJson(random, subscribe("9"), 0.3),
      ])(),
    );
  }
  const texts = messages.map((message) => JSON.stringify(message) ?? "null");
  return chance(random, 0.2) ? texts.map((text) => mutateText(random, text)) : texts;
};

export const subscriptionDoor: Door = {
  name: "subscriptions",
  weight: 3,
  good: () => [],
  shoot: (random, { known }): WsStep[] => [
    { over: "ws", messages: socketMessages(random, known), listenMs: 200 + below(random, 1500) },
  ],
};
