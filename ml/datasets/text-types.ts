/** Of one column of texts: how many there are that are not missing, and how many of these read as each type. */
export type TextCounts = {
  present: number;
  integers: number;
  numbers: number;
  booleans: number;
  dates: number;
  times: number;
};

export type TextType = "Int64" | "Float64" | "Bool" | "Date32" | "DateTime64(6, 'UTC')" | "String";

/** The narrowest type that every text of the column has; text where there is none, or nothing but missing values. */
export const textType = ({ present, integers, numbers, booleans, dates, times }: TextCounts): TextType => {
  if (present === 0) return "String";
  if (integers === present) return "Int64";
  if (numbers === present) return "Float64";
  if (booleans === present) return "Bool";
  if (dates === present) return "Date32";
  return times + dates === present ? "DateTime64(6, 'UTC')" : "String";
};

/** The type of the values of one JSON key, from the names that ClickHouse gives them; null values do not count. */
export const jsonType = (found: readonly string[]): "Int64" | "UInt64" | "Float64" | "Bool" | "text" | "raw" => {
  const types = new Set(found.filter((type) => type !== "Null"));
  const isOnly = (...allowed: string[]): boolean =>
    types.size > 0 && [...types].every((type) => allowed.includes(type));
  if (isOnly("Int64")) return "Int64";
  if (isOnly("UInt64")) return "UInt64";
  if (isOnly("Int64", "UInt64", "Double")) return "Float64";
  if (isOnly("Bool")) return "Bool";
  return isOnly("String") ? "text" : "raw";
};
