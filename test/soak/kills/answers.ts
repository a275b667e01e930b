import { type ErrorCode, errorTable } from "../../../schemas/errors.ts";

/** The code in a refusal of a REST door, or at the head of a client's error. */
const codeIn = (text: string): string =>
  /"code":"([A-Z_]+)"/.exec(text)?.[1] ?? /\b([A-Z][A-Z_]{3,}):/.exec(text)?.[1] ?? "";

/** Whether the error table says that the same request may succeed later. */
export const isRetryable = (text: string): boolean => errorTable[codeIn(text) as ErrorCode]?.retryable ?? false;

export const refusalOf = (text: string): string => text.slice(0, 500);
