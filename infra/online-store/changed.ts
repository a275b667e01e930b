import { MillraceError } from "../../schemas/errors.ts";

/** ONLINE_STORE_CHANGED for a write whose expectations do not hold. */
export const storeChanged = (): MillraceError =>
  new MillraceError(
    "ONLINE_STORE_CHANGED",
    "the online store no longer holds what its writer had left there: it was emptied, or is another's",
  );
