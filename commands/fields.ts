import { z } from "zod";

/** The small vocabulary of command fields: what ids, names and texts may look like. */
const slugPattern = /^[a-z0-9][a-z0-9-]{0,62}$/;

export const slug = z
  .string()
  .regex(slugPattern, "expected 1 to 63 of a-z, 0-9 and -, beginning with a letter or digit");

export const topic = z.string().regex(/^[A-Za-z0-9._-]{1,200}$/, "expected 1 to 200 of A-Z, a-z, 0-9, dot, _ and -");

/** A field of an Avro record. */
export const fieldName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, "expected the name of an Avro field");

/** No colon: `view:feature` is how columns name features. */
export const featureName = z.string().regex(/^[A-Za-z0-9_-]{1,63}$/, "expected 1 to 63 of A-Z, a-z, 0-9, _ and -");

export const digest = z.string().regex(/^[0-9a-f]{64}$/, "expected a SHA-256, 64 lower-case hex characters");

export const name = z.string().trim().min(1).max(200);

/** As MLflow allows them: no slash, colon or control character. */
export const modelName = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^/:\p{Cc}\p{Cs}]+$/u, "expected no slash, no colon and no control character")
  .refine((value) => value.trim() !== "", "expected a name that is not blank");

/** As MLflow allows them; `v3` and `latest` mean versions there. */
export const modelAlias = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,255}$/, "expected 1 to 255 of A-Z, a-z, 0-9, _ and -")
  .refine((value) => !/^(v[0-9]+|latest)$/i.test(value), "v and a number, and latest, are reserved for versions");

/** What people write to each other: descriptions, comments, reasons. */
export const text = z.string().max(2000);

/** What a model or a version is about. */
export const description = z.string().max(5000);

/** A text that must say something. */
export const statement = z.string().trim().min(1).max(2000);

export const expression = z.string().trim().min(1).max(2000);

/** Who: an account, a service, a group of an identity provider. */
export const member = z.string().trim().min(1).max(200);

const DAY_MS = 86_400_000;

/** Milliseconds, up to ten years. */
export const duration = z
  .int()
  .positive()
  .max(3660 * DAY_MS);

/** UTC milliseconds from 1970 to 2200. */
export const instant = z.int().min(0).max(7_258_118_400_000);

export const version = z.int().positive().max(1_000_000);

export const count = z.int().min(0);

const proto = "__proto__";

/**
 * Values by key, at most so many: without a bound, one command could be an event of any size. Zod passes over a key
 * named `__proto__`; here it is a key as others are.
 */
export const recordOf = <Key extends z.ZodString, Value extends z.ZodType>(
  key: Key,
  value: Value,
  most: number,
  what: string,
) => {
  const tooMany = `expected at most ${most} ${what}`;
  const record = z.record(key, value).refine((given) => Object.keys(given).length <= most, tooMany);
  const { run } = record._zod;
  record._zod.run = (payload, context) => {
    const { value: given } = payload;
    const own = typeof given === "object" && given !== null ? ownProto(given) : undefined;
    const result = run(payload, context);
    if (own === undefined || result instanceof Promise || result.issues.length > 0) return result;
    const parsed = value.safeParse(own.value);
    for (const issue of parsed.error?.issues ?? []) {
      result.issues.push({ ...issue, path: [proto, ...issue.path] } as (typeof result.issues)[number]);
    }
    const members = result.value as Record<string, unknown>;
    Object.defineProperty(members, proto, { ...own, value: parsed.data });
    if (Object.keys(members).length > most) {
      result.issues.push({ code: "custom", path: [], input: given, message: tooMany });
    }
    return result;
  };
  return record;
};

/** As a member of its own alone: read as others are, it would be the prototype. */
const ownProto = (given: object): PropertyDescriptor | undefined => Object.getOwnPropertyDescriptor(given, proto);
