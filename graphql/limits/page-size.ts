import { MillraceError } from "../../schemas/errors.ts";

export const MAX_PAGE = 1000;
export const DEFAULT_PAGE = 20;

/** A page size within 1 to 1000. BAD_REQUEST otherwise. */
export const pageSize = (given: number | null | undefined, name = "first"): number => {
  const size = given ?? DEFAULT_PAGE;
  if (!Number.isInteger(size) || size < 1 || size > MAX_PAGE) {
    throw new MillraceError("BAD_REQUEST", `${name}: expected a whole number from 1 to ${MAX_PAGE}, got ${size}`);
  }
  return size;
};
