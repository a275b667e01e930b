import { type Broker, partitionKey } from "../../infra/broker/port.ts";
import { comparePositions, type EventStore, type Position } from "../../infra/event-store/port.ts";
import type { Warehouse } from "../../infra/warehouse/open.ts";
import { lifecycleLog, type PlaceCut, reasonOf } from "../places/cut.ts";
import { keptMarks } from "../places/kept-marks.ts";
import type { TopicPlace } from "../places/topic-places.ts";
import { ask } from "./read/ask.ts";
import { tables } from "./tables.ts";

export type Survey = {
  /** Places that were held against their logs: partitions of topics, and the event store, by table. */
  places: number;
  /** What the next start will cut back. */
  cuts: PlaceCut[];
  /** Topics that are gone; their rows are kept. */
  gone: readonly string[];
};

/** Holds every place of the warehouse's tables against its log, as a start does, and changes nothing. WAREHOUSE_FAILED. */
export const surveyPlaces = async (
  warehouse: Warehouse,
  broker: Pick<Broker, "agreed" | "topic">,
  eventStore: Pick<EventStore, "agreed">,
): Promise<Survey> => {
  const survey = { places: 0, cuts: [] as PlaceCut[], gone: new Set<string>() };
  for (const { name, columns } of tables) {
    if (columns.includes("_offset")) await surveyTopics(name, warehouse, broker, survey);
    else if (columns.includes("position UInt64")) await surveyEvents(name, warehouse, eventStore, survey);
  }
  return { ...survey, gone: [...survey.gone] };
};

type Found = { places: number; cuts: PlaceCut[]; gone: Set<string> };

const surveyTopics = async (
  store: string,
  warehouse: Warehouse,
  broker: Pick<Broker, "agreed" | "topic">,
  found: Found,
): Promise<void> => {
  const places = await ask<TopicPlace>(
    warehouse,
    `SELECT _topic AS topic, _partition AS partition, max(_offset) + 1 AS next FROM ${store} GROUP BY topic, partition`,
  );
  const saved = await keptMarks(warehouse, store).load([...new Set(places.map(({ topic }) => topic))]);
  const marks = new Map(saved.map((one) => [partitionKey(one.log, one.partition), one.marks]));
  for (const { topic, partition, next } of places) {
    const config = await broker.topic(topic);
    if (config === null) {
      found.gone.add(topic);
      continue;
    }
    found.places++;
    const agreed =
      partition < config.partitions
        ? await broker.agreed({ topic, partition }, marks.get(partitionKey(topic, partition)) ?? [], next)
        : { at: 0, shared: false };
    if (agreed.at >= next) continue;
    found.cuts.push({ store, log: topic, partition, from: next, to: agreed.at, reason: reasonOf(agreed) });
  }
};

const surveyEvents = async (
  store: string,
  warehouse: Warehouse,
  eventStore: Pick<EventStore, "agreed">,
  found: Found,
): Promise<void> => {
  const [row] = await ask<{ from: Position }>(warehouse, `SELECT toString(max(position)) AS "from" FROM ${store}`);
  const [saved] = await keptMarks(warehouse, store).load([lifecycleLog]);
  const agreed = await eventStore.agreed(saved?.marks ?? [], row.from);
  found.places++;
  if (comparePositions(agreed.position, row.from) >= 0) return;
  const { from } = row;
  found.cuts.push({ store, log: lifecycleLog, partition: 0, from, to: agreed.position, reason: reasonOf(agreed) });
};
