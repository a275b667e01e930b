import { describe } from "node:test";
import { kurrentDbEventStore } from "../../infra/event-store/kurrentdb.ts";
import { eventStoreContract } from "../contracts/event-store.contract.ts";

const url = process.env.EVENT_STORE ?? "";
const isServer = /^(kurrentdb|esdb)/.test(url);
const skip = !isServer && "EVENT_STORE names no KurrentDB: give that of an empty one (--mem-db)";

describe("KurrentDB", { skip }, () => {
  eventStoreContract("kurrentdb", () => kurrentDbEventStore(url));
});
