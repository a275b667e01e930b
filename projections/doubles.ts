/** Doubles travel to and from the warehouse as text: JSON has no NaN and no infinity. */
export const doubleText = (value: number): string => {
  if (Number.isNaN(value)) return "nan";
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? "inf" : "-inf";
};

/** Of text, or of a number that JSON holds. */
export const numberOf = (text: string | number): number => {
  if (text === "inf") return Number.POSITIVE_INFINITY;
  return text === "-inf" ? Number.NEGATIVE_INFINITY : Number(text);
};
