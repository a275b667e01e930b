import { MillraceError } from "../../schemas/errors.ts";
import { sqlitePath } from "../sqlite/database.ts";
import type { Broker } from "./port.ts";
import { sqliteBroker } from "./sqlite.ts";

/** The broker of a setting; its scheme picks the adapter. INVALID_SETTING names the schemes that there are. */
export const openBroker = async (url: string): Promise<Broker> => {
  if (/^sqlite:/i.test(url)) return sqliteBroker(sqlitePath(url));
  throw new MillraceError(
    "INVALID_SETTING",
    `BROKER: "${url}" is of an unknown scheme: use sqlite:, e.g. sqlite:./data/millrace.db`,
  );
};
