import type { Warehouse } from "../../infra/warehouse/open.ts";
import type { RunDocument } from "../../projections/documents/types.ts";

const statuses = ["RUNNING", "FINISHED", "FAILED"] as const;
const startedAt = 1_700_000_000_000;

/** Run n: its id ends in n and begins spread over all ids, as random ones are. */
const runSql = `toUUID(concat(leftPad(hex(toUInt64(number * 11400714819323198485)), 16, '0'), leftPad(hex(number), 16, '0')))`;

/** Fills the tables of search as the sinks would have, for runs of experiment "1". */
export const insertRuns = async (warehouse: Warehouse, project: string, count: number): Promise<void> => {
  const command = (query: string): Promise<unknown> =>
    warehouse.client.command({ query, query_params: { project, count, started: startedAt } });
  await command(`INSERT INTO run_fields (project, experiment, field, run, entry, text, number, removed, position)
    SELECT {project:String}, '1', f.1, ${runSql}, '', f.2, f.3, 0, number FROM numbers({count:UInt64}) ARRAY JOIN [
      ('attribute.start_time', '', toFloat64({started:Int64} + number)), ('attribute.run_name', concat('run-', toString(number)), 0),
      ('attribute.status', ['RUNNING', 'FINISHED', 'FAILED'][number % 3 + 1], 0), ('attribute.user_id', concat('u', toString(number % 50)), 0),
      ('param.depth', toString(number % 10), 0), ('param.rate', toString(number % 1000), 0),
      ('tag.team', concat('t', toString(number % 7)), 0), ('tag.note', concat('note ', toString(number)), 0)] AS f`);
  for (const table of ["run_metrics", "latest_metrics"]) {
    await command(`INSERT INTO ${table} (project, experiment, key, run, value, timestamp, step, recency, _topic, _partition, _offset)
      SELECT {project:String}, '1', arrayJoin(['auc', 'loss', 'rmse']) AS key, ${runSql}, (cityHash64(number, key) % 1000003) / 1000003,
        {started:Int64} + number, 100, {started:Int64} + number, 'bench.metrics', 0, number FROM numbers({count:UInt64})`);
  }
};

/** The document of such a run, made of its number: a million of them are not kept. */
export const documentOf = (id: string): RunDocument => {
  const n = Number.parseInt(id.slice(16), 16);
  return {
    ...{ id, project: "million", position: String(n), revision: 0 },
    ...{ createdAt: startedAt + n, createdBy: "bench", updatedAt: startedAt + n, updatedBy: "bench" },
    ...{ experiment: "1", name: `run-${n}`, user: `u${n % 50}`, status: statuses[n % 3] },
    ...{ startTime: startedAt + n, endTime: null, lifecycle: "active" },
    params: { depth: String(n % 10), rate: String(n % 1000) },
    tags: { team: `t${n % 7}`, note: `note ${n}` },
    inputs: { datasets: [], models: [] },
    outputs: [],
  };
};
