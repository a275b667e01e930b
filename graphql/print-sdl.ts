import { writeFileSync } from "node:fs";
import { lexicographicSortSchema, printSchema } from "graphql";
import { schema } from "./schema.ts";

/** The schema as text, sorted, so that a change of the API shows as a change of this text and nothing else does. */
export const sdl = (): string => `${printSchema(lexicographicSortSchema(schema))}\n`;

if (import.meta.main) {
  writeFileSync(new URL("./schema.graphql", import.meta.url), sdl());
}
