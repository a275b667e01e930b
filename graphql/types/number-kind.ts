import { builder } from "../builder.ts";

const kinds = {
  FINITE: { description: "The number stands beside it." },
  NAN: { description: "Not a number; of a feature: it is missing." },
  POSITIVE_INFINITY: {},
  NEGATIVE_INFINITY: {},
} as const;

/** What a float is. JSON has no NaN and no infinity: they are null, and this says which. */
export const NumberKind = builder.enumType("NumberKind", {
  description: "What a number is, where the field beside it is null because JSON does not hold it.",
  values: kinds,
});

export const kindOf = (value: number): keyof typeof kinds => {
  if (Number.isFinite(value)) return "FINITE";
  if (Number.isNaN(value)) return "NAN";
  return value > 0 ? "POSITIVE_INFINITY" : "NEGATIVE_INFINITY";
};
