import { z } from "zod";
import { recordOf, slug } from "../fields.ts";

export const fileFormat = z.enum(["csv", "json", "parquet", "avro"]);

/** A parameter of a query, as `{name:Type}` names it. */
const parameterName = z.string().regex(/^[A-Za-z_]\w{0,63}$/, "expected the name of a parameter of the query");

export const datasetQuery = z
  .strictObject({
    dataset: slug,
    query: z.string().trim().min(1).max(100_000).nullable().default(null),
    table: z
      .string()
      .regex(/^\w[\w-]{0,199}$/, "expected the name of a table of the warehouse")
      .nullable()
      .default(null),
    parameters: recordOf(parameterName, z.string().max(100_000), 100, "parameters").default({}),
  })
  .refine(({ query, table }) => (query === null) !== (table === null), "expected either a query or a table");
