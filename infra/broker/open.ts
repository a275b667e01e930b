import { engineOf } from "../engine-url.ts";
import { sqlitePath } from "../sqlite/database.ts";
import { kafkaBroker } from "./kafka/kafka.ts";
import type { Broker } from "./port.ts";
import { sqliteBroker } from "./sqlite.ts";

const adapters = new Map<string, (url: string) => Promise<Broker>>([
  ["sqlite", async (url) => sqliteBroker(sqlitePath(url))],
  ["kafka", kafkaBroker],
]);

/** The broker of a setting; its scheme picks the adapter. INVALID_SETTING names the schemes that there are. */
export const openBroker = async (url: string): Promise<Broker> => engineOf("BROKER", url, adapters)(url);
