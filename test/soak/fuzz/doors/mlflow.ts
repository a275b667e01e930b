import { z } from "zod";
import { project } from "../../../../examples/flights/definitions.ts";
import { type Route, routeGroups } from "../../../../graphql/http/mlflow/door.ts";
import type { Door, Material } from "../door.ts";
import { mutateBytes, mutateJson, mutateText } from "../mutate.ts";
import { chance, nastyJson, nastyText, pick, type Random, randomBytes, times } from "../random.ts";
import { type HttpStep, http, json, type Step } from "../shot.ts";

type JsonSchema = {
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  anyOf?: JsonSchema[];
};

type Call = { method: string; path: string; input: JsonSchema };

/** Every call that is answered, with what it takes: the door's own table. */
const calls: Call[] = [];
const record: Route = (method, path, input) => {
  calls.push({ method, path, input: z.toJSONSchema(input, { unrepresentable: "any", io: "input" }) as JsonSchema });
};
for (const group of routeGroups) group(record);

const filters = [
  "metrics.loss > 0.5 AND params.depth = '3'",
  "attributes.name LIKE '%run%'",
  "name LIKE '%a%a%a%a%a%a%a%ab'",
  "tags.`mlflow.user` ILIKE 'x%'",
  "name = 'x' OR name = 'y'",
];

/** By name of the field; what is not here is by its type. */
const named = (random: Random, name: string, { run, known, experiment }: Material): unknown => {
  if (/run/.test(name)) return run;
  if (/experiment_ids/.test(name)) return [experiment];
  if (/experiment/.test(name)) return experiment;
  if (name === "filter" || name === "filter_string") {
    const filter = pick(random, filters);
    return chance(random, 0.5) ? filter : mutateText(random, filter);
  }
  if (name === "order_by") return ["metrics.loss DESC", mutateText(random, "attributes.start_time ASC")];
  if (name === "page_token")
    return chance(random, 0.5) ? nastyText(random) : randomBytes(random, 40).toString("base64");
  if (name === "max_results") return pick(random, [1, 5, 1000, 0, -1, 100_000]);
  if (name === "name") return pick(random, known.model);
  return undefined;
};

const valueFor = (random: Random, schema: JsonSchema, name: string, material: Material): unknown => {
  if (chance(random, 0.05)) return nastyJson(random);
  const byName = chance(random, 0.8) ? named(random, name, material) : undefined;
  if (byName !== undefined) return byName;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return pick(random, schema.enum);
  if (schema.anyOf !== undefined) return valueFor(random, pick(random, schema.anyOf), name, material);
  const type = Array.isArray(schema.type) ? pick(random, schema.type) : schema.type;
  if (type === "object") return objectOf(random, schema, material);
  if (type === "array") return times(random, 4, () => valueFor(random, schema.items ?? {}, name, material));
  if (type === "number" || type === "integer") return pick(random, [0, 1, 983_404_800_000, -1, 0.5, 2 ** 53]);
  if (type === "boolean") return chance(random, 0.5);
  return type === "string" ? nastyText(random) : nastyJson(random);
};

const objectOf = (
  random: Random,
  { properties = {}, required = [] }: JsonSchema,
  material: Material,
): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(properties)
      .filter(([name]) => required.includes(name) || chance(random, 0.6))
      .map(([name, schema]) => [name, valueFor(random, schema, name, material)]),
  );

/** What ends a thing is given to spare ones, so that the others are there to the end. */
const ending = /delete|rename|transition/;
const spare = (material: Material): Material => ({
  ...material,
  run: "0123456789abcdef0123456789abcdef",
  experiment: "404",
  known: { ...material.known, model: ["spare"] },
});

const encoded = (value: unknown): string => {
  // Not every object of JSON has a text: `{"toString": 1}`.
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return encodeURIComponent(text.toWellFormed()).slice(0, 500);
};

const call = (random: Random, everything: Material): HttpStep => {
  const { method, path, input } = pick(random, calls);
  const material = method === "DELETE" || ending.test(path) ? spare(everything) : everything;
  const given = chance(random, 0.8)
    ? objectOf(random, input, material)
    : (mutateJson(random, objectOf(random, input, material), 0.3) as Record<string, unknown>);
  const filled = path.replace(/:(\w+)/g, (_, name: string) => encoded(given?.[name] ?? material.run));
  const base = chance(random, 0.8)
    ? `/projects/${project}/api/2.0/mlflow`
    : pick(random, ["/api/2.0/mlflow", "/ajax-api/2.0/mlflow"]);
  if (method !== "GET") return json(method, `${base}/${filled}`, given);
  const query = Object.entries(given ?? {}).map(([name, value]) => `${encoded(name)}=${encoded(value)}`);
  return http(method, `${base}/${filled}?${query.join("&")}`);
};

const artifact = (random: Random, material: Material): HttpStep => {
  const path = pick(random, [
    `${material.experiment}/${material.run}/artifacts/a.txt`,
    `${material.experiment}/${material.run}/artifacts/${encoded(nastyText(random))}`,
    encoded(nastyText(random)),
  ]);
  const method = pick(random, ["PUT", "GET", "DELETE"]);
  return http(method, `/projects/${project}/api/2.0/mlflow-artifacts/artifacts/${path}`, {
    headers: { "content-type": "application/octet-stream" },
    body: method === "PUT" ? randomBytes(random, 300) : "",
  });
};

export const mlflowDoor: Door = {
  name: "mlflow",
  weight: 5,
  good: ({ run, experiment }) => [
    http("GET", `/projects/${project}/api/2.0/mlflow/runs/get?run_id=${run}`),
    json("POST", `/projects/${project}/api/2.0/mlflow/runs/log-metric`, {
      run_id: run,
      key: "loss",
      value: 0.5,
      timestamp: 1,
      step: 1,
    }),
    json("POST", `/projects/${project}/api/2.0/mlflow/runs/search`, {
      experiment_ids: [experiment],
      filter: "metrics.loss > 0",
    }),
    http("GET", `/projects/${project}/api/2.0/mlflow/registered-models/search`),
    http("GET", "/version"),
  ],
  shoot(random, material): Step[] {
    if (chance(random, 0.15)) return [artifact(random, material)];
    const step = call(random, material);
    if (!chance(random, 0.1)) return [step];
    return [{ ...step, body: mutateBytes(random, Buffer.from(step.body, "base64")).toString("base64") }];
  },
};
