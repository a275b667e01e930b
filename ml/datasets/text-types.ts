/** Of one column of texts: how many there are that are not missing, and how many of these read as each type. */
export type TextCounts = {
  present: number;
  /** Whole numbers of 64 bits, with a sign and without. */
  integers: number;
  unsigned: number;
  /** Finite numbers of any form, and `inf`; */
  numbers: number;
  /** of these the whole ones of which a double is another. */
  inexact: number;
  booleans: number;
  dates: number;
  times: number;
  /** Times with more than six digits of a second, */
  fine: number;
  /** and all that can be kept to nine, the dates, too. */
  keptFine: number;
};

export type TextType =
  | "Int64"
  | "UInt64"
  | "Float64"
  | "Bool"
  | "Date32"
  | "DateTime64(6, 'UTC')"
  | "DateTime64(9, 'UTC')"
  | "String";

/** The narrowest type that keeps every text of the column; text where there is none, or nothing but missing values. */
export const textType = (counts: TextCounts): TextType => {
  const { present, booleans, dates, times, fine, keptFine } = counts;
  if (present === 0) return "String";
  const number = numberType(counts);
  if (number !== null) return number;
  if (booleans === present) return "Bool";
  if (dates === present) return "Date32";
  if (times + dates < present) return "String";
  if (fine === 0) return "DateTime64(6, 'UTC')";
  return keptFine === present ? "DateTime64(9, 'UTC')" : "String";
};

export const numberType = ({
  present,
  integers,
  unsigned,
  numbers,
  inexact,
}: Pick<TextCounts, "present" | "integers" | "unsigned" | "numbers" | "inexact">) => {
  if (present === 0) return null;
  if (integers === present) return "Int64";
  if (unsigned === present) return "UInt64";
  return numbers === present && inexact === 0 ? "Float64" : null;
};
