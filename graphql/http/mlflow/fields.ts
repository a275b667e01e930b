import { z } from "zod";
import { preview } from "../../../schemas/preview.ts";

/** Fields of MLflow's requests. Integers of 64 bits and doubles may be text: so protobuf writes them in JSON. */
export const whole = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^-?\d+$/)
      .transform(Number),
  ])
  .pipe(z.int());

const special: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  "-Infinity": Number.NEGATIVE_INFINITY,
};

/** A JSON number cannot be NaN or infinite; text can. */
export const double = z.unknown().transform((given, context) => {
  if (typeof given === "number") return given;
  if (typeof given === "string" && given.trim() !== "") {
    const value = special[given] ?? Number(given);
    if (given in special || !Number.isNaN(value)) return value;
  }
  context.addIssue({ code: "custom", message: `expected a number, got ${preview(given)}` });
  return z.NEVER;
});

export const maxResults = (usual: number, most: number) =>
  z
    .union([z.number(), z.string().regex(/^\d+$/).transform(Number)])
    .pipe(z.int().min(1).max(most))
    .default(usual);

/** In a query a list of one is the value alone. */
export const texts = z.union([z.array(z.string()), z.string().transform((one) => [one])]).default([]);

export const token = z
  .string()
  .optional()
  .transform((given) => given || undefined);

const views = { ACTIVE_ONLY: "active", DELETED_ONLY: "deleted", ALL: "all" } as const;

export const view = z
  .enum(["ACTIVE_ONLY", "DELETED_ONLY", "ALL"])
  .default("ACTIVE_ONLY")
  .transform((name) => views[name]);

/** Of an experiment: a decimal number as text. */
export const experimentId = z.string().regex(/^\d+$/, "expected the id of an experiment, a number");

export const text = z.string().default("");

type KeyValuesOptions = {
  /** What a key that is given twice means. Refused without it. */
  twice?: "the last";
};

/** Keys with values, as a record. */
export const keyValues = (most: number, { twice }: KeyValuesOptions = {}) =>
  z
    .array(z.object({ key: z.string(), value: text }))
    .max(most, `expected at most ${most} at once`)
    .default([])
    .transform((list, context) => {
      const values = new Map<string, string>();
      for (const { key, value } of list) {
        if (twice === undefined && values.has(key)) {
          context.addIssue({ code: "custom", message: `"${key}" is given twice` });
        }
        values.set(key, value);
      }
      return Object.fromEntries(values);
    });
