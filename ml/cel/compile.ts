import { MillraceError } from "../../schemas/errors.ts";

export type FieldType = { type: "number" | "string" | "bool" | "other"; nullable: boolean };
/** Top-level fields of an event by name. */
export type FieldTypes = ReadonlyMap<string, FieldType>;

export type ExpressionType = "number" | "bool" | "string";
export type Wants = ExpressionType | "number|bool" | "number|string";

export type Expression = {
  source: string;
  type: ExpressionType;
  /** number, boolean or string; null where an operand is null. `time` is the event time, UTC ms. */
  evaluate(event: Record<string, unknown>, time: number): unknown;
  /** Event fields used. */
  fields: string[];
};

/** Field types of an Avro record schema (JSON). */
export const fieldTypes = (avroSchema: string): FieldTypes => {
  throw new MillraceError("INTERNAL", `fieldTypes is being built: ${avroSchema}`);
};

/** INVALID_EXPRESSION with position and excerpt where the source does not parse, check, or compile. */
export const compileExpression = (source: string, fields: FieldTypes, wants: Wants): Expression => {
  throw new MillraceError("INTERNAL", `compileExpression is being built: ${source} ${fields} ${wants}`);
};
