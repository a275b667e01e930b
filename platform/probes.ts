import { setTimeout as sleep } from "node:timers/promises";
import { probeFolder } from "../infra/artifacts/folder-probe.ts";
import { systemClock } from "../infra/clock.ts";
import type { Settings } from "../infra/config.ts";
import { problemOf } from "../infra/report.ts";
import { sqlitePath } from "../infra/sqlite/database.ts";
import { sqliteProbe } from "../infra/sqlite/probe.ts";
import type { Warehouse } from "../infra/warehouse/open.ts";
import { warehouseProbe } from "../projections/clickhouse/probe.ts";

/** Asks a store to do what it is there for. Answers `ok` or what is wrong, within `patienceMs` of its beginning. */
export type Probe = () => Promise<string>;

/** How long an answer is good for: many may ask, and a probe writes. */
const goodForMs = 4_000;
const patienceMs = 5_000;

/** One at a time, and at most one in 4 s. */
export const probeOf = (work: () => Promise<unknown>): Probe => {
  let last: { at: number; answer: string } | null = null;
  let running: { since: number; answer: Promise<string> } | null = null;
  return async () => {
    if (last !== null && performance.now() - last.at < goodForMs) return last.answer;
    running ??= {
      since: performance.now(),
      answer: work()
        .then(() => "ok", problemOf)
        .then((answer) => {
          last = { at: performance.now(), answer };
          running = null;
          return answer;
        }),
    };
    const { since, answer } = running;
    const patience = new AbortController();
    const leftMs = Math.max(0, since + patienceMs - performance.now());
    const late = sleep(leftMs, null, patience).catch(() => null);
    const first = await Promise.race([answer, late]);
    patience.abort();
    return first ?? `has not done a write for ${Math.round((performance.now() - since) / 1000)} s`;
  };
};

const isFile = (url: string): boolean => /^sqlite:/i.test(url);

/** Of all stores of these settings that write: the warehouse, and under `disk` the embedded files and folders. */
export const probesOf = (
  settings: Pick<Settings, "eventStore" | "broker" | "onlineStore" | "artifacts">,
  warehouse: Warehouse | null,
): { probes: Record<string, Probe>; close(): void } => {
  const { eventStore, broker, onlineStore, artifacts } = settings;
  const paths = new Set([eventStore, broker, onlineStore].filter(isFile).map(sqlitePath));
  const files = [...paths].map((path) => sqliteProbe(path, systemClock));
  const folder = probeFolder(artifacts);
  const disk = probeOf(async () => {
    for (const file of files) await file.write();
    await folder();
  });
  return {
    probes: { disk, ...(warehouse === null ? {} : { warehouse: probeOf(warehouseProbe(warehouse, systemClock)) }) },
    close: () => {
      for (const file of files) file.close();
    },
  };
};
