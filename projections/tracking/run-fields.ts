import type { EventStore, StoredEvent } from "../../infra/event-store/port.ts";
import type { RunEvent } from "../../schemas/lifecycle/run.ts";
import { parseStreamName } from "../../schemas/lifecycle.ts";
import { lifecycleOf } from "../documents/fold.ts";
import { type EventTable, type EventTableOptions, runEventTable } from "../event-table.ts";
import { isUnreadable } from "../skipped-streams.ts";
import { isRunId } from "./points.ts";
import { noRun } from "./tables.ts";

/** Runs whose experiment is kept in memory, twice. */
const cachedRuns = 50_000;

type Change = { field: string; entry?: string; text?: string; number?: number; removed?: boolean };

const texts = (entity: "param" | "tag", values: Readonly<Record<string, string>>): Change[] =>
  Object.entries(values).map(([key, text]) => ({ field: `${entity}.${key}`, text }));

/** What an event changes of what runs are searched by. */
const changesOf = (event: RunEvent): Change[] => {
  switch (event.type) {
    case "RunCreated": {
      const { name, user, startTime, tags } = event.data;
      return [
        { field: "attribute.start_time", number: startTime },
        { field: "attribute.status", text: "RUNNING" },
        { field: "attribute.run_name", text: name },
        { field: "attribute.user_id", text: user },
        ...texts("tag", tags),
      ];
    }
    case "RunUpdated": {
      const { status, endTime, name } = event.data;
      return [
        ...(status === undefined ? [] : [{ field: "attribute.status", text: status }]),
        ...(endTime === undefined
          ? []
          : [{ field: "attribute.end_time", number: endTime ?? 0, removed: endTime === null }]),
        ...(name === undefined ? [] : [{ field: "attribute.run_name", text: name }]),
      ];
    }
    case "RunParamsLogged":
      return texts("param", event.data.params);
    case "RunTagsSet":
      return texts("tag", event.data.tags);
    case "RunTagDeleted":
      return [{ field: `tag.${event.data.key}`, removed: true }];
    case "RunInputsLogged":
      return event.data.datasets.flatMap(({ name, digest, tags }): Change[] => {
        const entry = `${digest}/${name}`;
        const context = tags["mlflow.data.context"];
        return [
          { field: "dataset.name", entry, text: name },
          { field: "dataset.digest", entry, text: digest },
          ...(context === undefined ? [] : [{ field: "dataset.context", entry, text: context }]),
        ];
      });
    case "RunDeleted":
      return [{ field: "attribute.lifecycle", text: "deleted" }];
    case "RunRestored":
      return [{ field: "attribute.lifecycle", text: "active" }];
    default:
      return [];
  }
};

/**
 * The table `run_fields` of run events. Each batch of events, of whichever aggregate, ends in a row of no run: what
 * was written up to there can be searched.
 */
export const runFieldsTable = (eventStore: EventStore): EventTable => {
  let young = new Map<string, string>();
  let old = new Map<string, string>();

  const experimentOf = async (event: StoredEvent): Promise<string> => {
    const known = young.get(event.stream) ?? old.get(event.stream);
    if (known !== undefined) return known;
    try {
      for await (const first of eventStore.readStream(event.stream)) {
        const { type, data } = lifecycleOf(first);
        return type === "RunCreated" ? data.experiment : "";
      }
    } catch (error) {
      if (!isUnreadable(error)) throw error;
    }
    return "";
  };

  return {
    table: "run_fields",
    replaces: true,
    async rows(events) {
      const rows: Record<string, unknown>[] = [];
      const add = (place: { project: string; experiment: string; run: string; position: string }, change: Change) =>
        rows.push({ ...place, entry: "", text: "", number: 0, ...change, removed: change.removed === true ? 1 : 0 });
      for (const event of events) {
        const stream = parseStreamName(event.stream);
        if (stream?.aggregate !== "run" || !isRunId(stream.id)) continue;
        const changes = changesOf(lifecycleOf(event) as RunEvent);
        const experiment = await experimentOf(event);
        if (young.size >= cachedRuns) {
          old = young;
          young = new Map();
        }
        young.set(event.stream, experiment);
        const place = { project: stream.project, experiment, run: stream.id, position: event.position };
        for (const change of changes) add(place, change);
      }
      const last = events.at(-1);
      if (last !== undefined) add({ project: "", experiment: "", run: noRun, position: last.position }, { field: "" });
      return rows;
    },
  };
};

/** Keeps `run_fields` until the signal aborts. */
export const runRunFields = (options: EventTableOptions): Promise<void> =>
  runEventTable(runFieldsTable(options.eventStore), options);
