import { sources } from "../../../../examples/flights/definitions.ts";
import type { Door } from "../door.ts";
import { mutateJson } from "../mutate.ts";
import { below, chance, nastyJson, nastyText, pick, type Random, times, urlPart } from "../random.ts";
import { type HttpStep, http, json } from "../shot.ts";

const media = { "content-type": "application/vnd.schemaregistry.v1+json" };
const primitives = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];
const logical = ["timestamp-millis", "date", "decimal", "uuid", "duration", "nonsense"];

/** A random Avro schema; now and then not one. */
const avro = (random: Random, depth = 4): unknown => {
  if (chance(random, 0.03)) return nastyJson(random);
  const kind = below(random, depth > 0 ? 8 : 3);
  const name = `N${below(random, 6)}`;
  if (kind <= 1) return pick(random, primitives);
  if (kind === 2)
    return {
      type: pick(random, primitives),
      logicalType: pick(random, logical),
      precision: below(random, 50),
      scale: below(random, 50),
    };
  if (kind === 3) return { type: "array", items: avro(random, depth - 1) };
  if (kind === 4) return { type: "map", values: avro(random, depth - 1) };
  if (kind === 5) return times(random, 4, () => avro(random, depth - 1));
  if (kind === 6) {
    return pick<unknown>(random, [
      { type: "enum", name, symbols: times(random, 4, () => pick(random, ["A", "B", "C", nastyText(random)])) },
      { type: "fixed", name, size: pick(random, [0, 1, 16, -1, 2 ** 31, 2 ** 53]) },
      name,
    ]);
  }
  const fields = times(random, 5, () => ({
    name: pick(random, ["a", "b", "c", "d", nastyText(random)]),
    type: avro(random, depth - 1),
    ...(chance(random, 0.3) ? { default: nastyJson(random, 2) } : {}),
  }));
  return { type: "record", name, namespace: pick(random, ["x", "", "a.b"]), fields };
};

const schema = (random: Random): string => {
  if (chance(random, 0.1)) {
    const depth = below(random, 3000);
    return `${'{"type":"array","items":'.repeat(depth)}"int"${"}".repeat(depth)}`;
  }
  if (chance(random, 0.2)) return JSON.stringify(mutateJson(random, JSON.parse(sources[0].schema)));
  return JSON.stringify(avro(random)) ?? "null";
};

const subject = (random: Random): string =>
  pick(random, ["departures-value", "fuzz-value", `fuzz${below(random, 5)}`, urlPart(random, 200)]);

const shots: readonly ((random: Random) => HttpStep)[] = [
  (random) => json("POST", `/registry/subjects/${subject(random)}/versions`, { schema: schema(random) }, media),
  (random) => json("POST", `/registry/subjects/${subject(random)}`, { schema: schema(random) }, media),
  (random) =>
    json(
      "POST",
      `/registry/compatibility/subjects/${subject(random)}/versions/${version(random)}?verbose=true`,
      { schema: schema(random) },
      media,
    ),
  (random) =>
    json(
      "POST",
      `/registry/subjects/fuzz-value/versions`,
      mutateJson(random, { schema: '"string"', schemaType: "AVRO", references: [] }),
      media,
    ),
  (random) => http("GET", `/registry/subjects/${subject(random)}/versions/${version(random)}`),
  (random) =>
    http("GET", `/registry/schemas/ids/${version(random)}${pick(random, ["", "/schema", "/versions", "/subjects"])}`),
  (random) =>
    json(
      "PUT",
      `/registry/config${pick(random, ["/fuzz-value", `/${subject(random)}`])}`,
      mutateJson(random, { compatibility: "FULL" }),
      media,
    ),
  (random) => http("DELETE", `/registry/subjects/${subject(random)}`),
];

const version = (random: Random): string =>
  pick(random, ["1", "2", "latest", "-1", "0", "99999999999", urlPart(random, 100)]);

export const registryDoor: Door = {
  name: "registry",
  weight: 3,
  good: () => [
    http("GET", "/registry/subjects"),
    http("GET", "/registry/subjects/departures-value/versions/latest"),
    http("GET", "/registry/schemas/types"),
    json("POST", "/registry/subjects/good-value/versions", { schema: '"string"' }, media),
  ],
  shoot: (random) => [pick(random, shots)(random)],
};
