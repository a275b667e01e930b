import { type Broker, partitionKey } from "../../infra/broker/port.ts";
import type { Warehouse } from "../../infra/warehouse/open.ts";
import { type Source, sourceOf } from "../../projections/clickhouse/follow.ts";
import { ask } from "../../projections/clickhouse/read/ask.ts";
import { type Rows, rowsOf } from "../../projections/clickhouse/rows.ts";
import type { SinkAssignment } from "../../projections/clickhouse/runner.ts";
import type { Sink } from "../../projections/clickhouse/sinks/sink.ts";
import type { MillraceError } from "../../schemas/errors.ts";
import type { RebuildContext } from "./context.ts";
import { progressMeter, type RebuildResult } from "./progress.ts";
import { buildBeside, statement } from "./shadow-table.ts";

const batchRecords = 50_000;
/** A pass over the log that took more is followed by another before the running sink is held. */
const shortStretch = 20_000;

/**
 * Builds a table anew from its topics. The running sink goes on meanwhile; only for the last stretch it is held.
 * It then goes on behind the newest record in the new table, which holds all that the old one did.
 */
export const rebuildTopicTable = async (
  name: string,
  sink: Sink,
  topics: () => Promise<SinkAssignment[]>,
  context: RebuildContext,
): Promise<RebuildResult> => {
  const { engines, warehouse, signal, logger } = context;
  const { broker } = engines;
  const meter = progressMeter(context.onProgress);

  await buildBeside(warehouse, sink.table, signal, async (twin) => {
    const target = { ...sink, table: twin, store: sink.table };
    const source = sourceOf(broker, warehouse, target);
    const skipped = (error: MillraceError): void => logger.warn({ table: name, err: error }, "a record was left out");
    let filling = rowsOf(target, skipped);
    let spare = rowsOf(target, skipped);
    const next = new Map<string, number>();

    /** Follows the topics up to where they end now. Answers how many records that took. */
    const followOn = async (): Promise<number> => {
      const assignments = await topics();
      await source.assign(assignments);
      const ends = await endsOf(broker, assignments);
      const left = (): number => {
        let sum = 0;
        for (const [key, { low, high }] of ends) sum += Math.max(0, high - Math.max(low, next.get(key) ?? 0));
        return sum;
      };
      let taken = 0;
      let inFlight: Promise<void> = Promise.resolve();
      while (!signal.aborted && left() > 0 && (await source.fill(filling, batchRecords))) {
        for (const [key, { last }] of filling.ranges) next.set(key, last + 1);
        await inFlight;
        spare.reset();
        [filling, spare] = [spare, filling];
        const rows = spare;
        taken += rows.records;
        const remaining = left();
        inFlight = insert(warehouse, target, source, rows).then(() => meter.took(rows.records, remaining));
        // Met where it is awaited, one batch later.
        inFlight.catch(() => {});
      }
      await inFlight;
      return taken;
    };

    try {
      while (!signal.aborted && (await followOn()) > shortStretch) {}
      if (signal.aborted) return;
      await context.hold();
      await followOn();
      if (!signal.aborted) await keepWhatTheLogLost(broker, warehouse, sink.table, twin);
    } finally {
      await source.close();
    }
  });
  return meter.result(name);
};

const insert = async (warehouse: Warehouse, sink: Sink, source: Source, rows: Rows): Promise<void> => {
  const logs = await source.keep(rows);
  if (rows.count > 0) await warehouse.insert(sink, rows.bytes(), rows.token(logs));
};

const endsOf = async (
  broker: Broker,
  topics: readonly SinkAssignment[],
): Promise<Map<string, { low: number; high: number }>> => {
  const ends = new Map<string, { low: number; high: number }>();
  for (const { topic } of topics) {
    for (const [partition, marks] of (await broker.watermarks(topic)).entries()) {
      ends.set(partitionKey(topic, partition), marks);
    }
  }
  return ends;
};

/**
 * Rows whose record is no longer in the log stay: of a topic that is gone, before the first record that retention
 * left, and those whose record a compacted topic has replaced by a newer one.
 */
const keepWhatTheLogLost = async (broker: Broker, warehouse: Warehouse, table: string, twin: string): Promise<void> => {
  const places = await ask<{ topic: string; partition: number }>(
    warehouse,
    `SELECT _topic AS topic, _partition AS partition FROM ${table} GROUP BY topic, partition`,
    {},
  );
  for (const { topic, partition } of places) {
    const config = await broker.topic(topic);
    const here = "_topic = {topic:String} AND _partition = {partition:Int32}";
    const lost =
      config === null
        ? "1"
        : config.cleanup === "delete"
          ? "_offset < {low:Int64}"
          : `_offset NOT IN (SELECT _offset FROM ${twin} WHERE ${here})`;
    const low = config === null ? 0 : ((await broker.watermarks(topic))[partition]?.low ?? 0);
    await statement(warehouse, `INSERT INTO ${twin} SELECT * FROM ${table} WHERE ${here} AND ${lost}`, {
      topic,
      partition,
      low,
    });
  }
};
