import { MillraceError } from "../../schemas/errors.ts";
import type { Engine } from "./engine.ts";
import { kafka } from "./kafka.ts";
import { postgres } from "./postgres.ts";
import { redis } from "./redis.ts";
import { registry } from "./registry.ts";
import { s3 } from "./s3.ts";

export const knownEngines: readonly Engine[] = [kafka, redis, s3, registry, postgres];

/** The engines of these names; all where none is named. NOT_FOUND for a name that is none. */
export const enginesNamed = (names: readonly string[]): readonly Engine[] => {
  const unknown = names.find((name) => knownEngines.every((engine) => engine.name !== name));
  if (unknown !== undefined) {
    const all = knownEngines.map(({ name }) => name).join(", ");
    throw new MillraceError("NOT_FOUND", `no engine "${unknown}"; there are: ${all}`);
  }
  return names.length === 0 ? knownEngines : knownEngines.filter(({ name }) => names.includes(name));
};
