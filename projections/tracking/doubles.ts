/** Doubles travel to and from the warehouse as text: JSON has no NaN and no infinity. */
export const doubleText = (value: number): string => {
  if (Number.isNaN(value)) return "nan";
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? "inf" : "-inf";
};

export const numberOf = (text: string): number => {
  if (text === "inf") return Number.POSITIVE_INFINITY;
  return text === "-inf" ? Number.NEGATIVE_INFINITY : Number(text);
};
