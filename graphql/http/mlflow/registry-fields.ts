import { z } from "zod";
import { maxResults, texts, token } from "./fields.ts";

/** Fields of the registry's requests. In a query every value is text. */
export const name = z.string().min(1, "name: expected the name of a registered model");

export const version = z.coerce.number().int().min(0).max(1_000_000);

export const tags = z.array(z.object({ key: z.string(), value: z.string().default("") })).default([]);

export const search = (usual: number, most: number) =>
  z.object({
    filter: z.string().optional(),
    order_by: texts,
    max_results: maxResults(usual, most),
    page_token: token,
  });

const stages = ["None", "Staging", "Production", "Archived"] as const;

/** Whatever the case of its letters. */
export const stage = z.string().transform((given, context) => {
  const found = stages.find((known) => known.toLowerCase() === given.toLowerCase());
  if (found !== undefined) return found;
  context.addIssue({ code: "custom", message: `expected one of ${stages.join(", ")}, got "${given}"` });
  return z.NEVER;
});
