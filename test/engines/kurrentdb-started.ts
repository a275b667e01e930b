import type { TestContext } from "node:test";
import { type KurrentDbOptions, kurrentDbEventStore } from "../../infra/event-store/kurrentdb.ts";
import type { EventStore, Fault, NewEvent } from "../../infra/event-store/port.ts";
import { ownStreams } from "../../schemas/own-streams.ts";
import { collect, newEvent } from "../contracts/event-store.contract.ts";
import { type KurrentDbDouble, kurrentDbDouble } from "./kurrentdb-double.ts";

/** A double of KurrentDB and, as the platform opens it, a store over it. */
export const startedDouble = async (t: TestContext, options: KurrentDbOptions = { streams: ownStreams }) => {
  const double = await kurrentDbDouble();
  t.after(() => double.close());
  return { double, store: await openedStore(t, double.url, options) };
};

export const openedStore = async (
  t: TestContext,
  url: string,
  options: KurrentDbOptions = { streams: ownStreams },
): Promise<EventStore> => {
  const store = await kurrentDbEventStore(url, options);
  t.after(() => store.close());
  return store;
};

/** Events that a model's stream may have. */
export const registered = (): NewEvent => newEvent("ModelRegistered", { description: "", tags: {} });
export const tagged = (value = ""): NewEvent => newEvent("ModelTagSet", { key: "k", value });

export const faultsOf = async (store: EventStore): Promise<Pick<Fault, "code" | "stream">[]> =>
  (await collect(store.examine())).map(({ code, stream }) => ({ code, stream }));

/** What somebody else may have put where our events belong. */
export const strange: Record<string, Parameters<KurrentDbDouble["writeForeign"]>[1]> = {
  "an event without metadata": {},
  "metadata that are null": { metadata: "null" },
  "metadata of others": { metadata: '{"$correlationId":"1"}' },
  "metadata that are not JSON": { metadata: "\u0000\u0001" },
  "binary data": { contentType: "application/octet-stream", data: "\u0000\u0001" },
  "data that are not JSON": { data: "{", metadata: JSON.stringify(newEvent("").metadata) },
  "data that are null": { type: "ModelTagSet", data: "null", metadata: JSON.stringify(newEvent("").metadata) },
  "a link": { type: "$>", data: "0@orders-1", contentType: "application/octet-stream" },
  "an event of ours that a later release writes": {
    type: "ModelPainted",
    metadata: JSON.stringify(newEvent("").metadata),
  },
};
