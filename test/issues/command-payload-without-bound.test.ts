import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { z } from "zod";
import { commandTypes, payloads } from "../../commands/payloads.ts";

type Schema = z.core.$ZodType;
type Found = { path: string; schema: Schema };

/** Larger than the largest text that there may be: MLflow's profile of a dataset has 16 MB. */
const TOO_LONG = 17_000_000;
const TOO_MANY = 20_000;

/** Every part of a payload, with the way to it. */
const partsOf = (schema: Schema, path: string, seen = new Set<Schema>()): Found[] => {
  if (seen.has(schema)) return [];
  seen.add(schema);
  const def = schema._zod.def as unknown as Record<string, unknown> & { type: string };
  const inner: [string, unknown][] = [
    ...Object.entries((def.shape as Record<string, unknown> | undefined) ?? {}),
    ...((def.options as unknown[] | undefined) ?? []).map((option, i): [string, unknown] => [`<${i}>`, option]),
    ["[]", def.element],
    ["{key}", def.keyType],
    ["{value}", def.valueType],
    ["", def.innerType],
    ["", def.in],
  ];
  const below = inner.flatMap(([step, part]) =>
    part === undefined ? [] : partsOf(part as Schema, step === "" ? path : `${path}.${step}`, seen),
  );
  return [{ path, schema }, ...below];
};

const accepts = (schema: Schema, value: unknown): boolean => (schema as z.ZodType).safeParse(value).success;

/** Most parts are shared: each is tried once. */
const judged = new WeakMap<Schema, boolean>();

const isBounded = (schema: Schema): boolean => {
  const known = judged.get(schema) ?? judge(schema);
  judged.set(schema, known);
  return known;
};

const judge = (schema: Schema): boolean => {
  const def = schema._zod.def as unknown as {
    type: string;
    checks?: { _zod: { def: { check: string } } }[];
    valueType?: Schema;
  };
  const { checks } = def;
  switch (def.type) {
    case "string":
      return !["a", "0", "a/"].some((part) => accepts(schema, part.repeat(TOO_LONG / part.length)));
    case "array":
      return (checks ?? []).some(({ _zod }) => _zod.def.check === "max_length");
    case "record": {
      const value = ["x", 1].find((each) => accepts(def.valueType as Schema, each));
      const record = (size: number) => Object.fromEntries(Array.from({ length: size }, (_, i) => [`k${i}`, value]));
      assert.ok(accepts(schema, record(1)), "a record of one is refused: the test does not know its values");
      return !accepts(schema, record(TOO_MANY));
    }
    default:
      return ["object", "union", "enum", "literal", "number", "boolean", "nullable", "optional", "default", "prefault"]
        .concat(["pipe", "int"])
        .includes(def.type);
  }
};

describe("the payload of every command is bounded in each of its parts", () => {
  for (const type of commandTypes) {
    it(type, () => {
      const unbounded = partsOf(payloads[type], type).filter(({ schema }) => !isBounded(schema));
      assert.deepEqual(
        unbounded.map(({ path }) => path),
        [],
      );
    });
  }
});
