import pino from "pino";
import { loadSettings, type Settings } from "../../infra/config.ts";
import { openWarehouse } from "../../infra/warehouse/open.ts";
import { numberOf } from "../../projections/doubles.ts";
import { followCatalog } from "../../streams/catalog.ts";
import { verifyAsServed } from "../../streams/verify/as-served.ts";
import type { StoredPrediction, Verification } from "../../streams/verify/verify.ts";
import { openEngines } from "../engines.ts";
import { modelLimits } from "../model-limits.ts";
import { type CliCommand, countOption, requireData, settingHelp, settingOptions, textValues } from "./command.ts";
import { runningWarehouse } from "./running.ts";

export const verify: CliCommand = {
  help: `Usage: millrace verify [OPTIONS]

Takes a sample of stored predictions, computes their features again by folding the log up to the positions that
are stored with them, scores them again, and counts what differs: it must be none, bit for bit.

  --project P        Project (all)
  --sample N         Predictions of each project (1000)
${settingHelp}`,
  options: { ...settingOptions, project: { type: "string" }, sample: { type: "string", default: "1000" } },
  run: async ({ values }) => {
    const settings = loadSettings(textValues(values), process.env);
    const sample = countOption(values, "sample", 1);
    requireData(settings);
    const running = await runningWarehouse(settings, pino({ level: settings.logLevel }));
    try {
      const projects = typeof values.project === "string" ? [values.project] : await projectsOf(settings);
      let wrong = 0;
      for (const project of projects) {
        const found = await verifySample(settings, running.url, project, sample);
        wrong += found.mismatches.length + found.missing.length;
        console.log(`${project}: ${found.checked} predictions checked, ${found.mismatches.length} values differ`);
        for (const { id, what, stored, recomputed } of found.mismatches.slice(0, 20)) {
          console.log(`  ${id} ${what}: stored ${stored}, recomputed ${recomputed}`);
        }
        for (const id of found.missing.slice(0, 20)) console.log(`  ${id}: its trigger is not in the log`);
      }
      return wrong === 0 ? 0 : 1;
    } finally {
      await running.close();
    }
  },
};

const projectsOf = async (settings: Settings): Promise<string[]> => {
  const engines = await openEngines(settings);
  const stop = new AbortController();
  try {
    return [...(await followCatalog(engines.eventStore, stop.signal)).current().projects];
  } finally {
    stop.abort();
    await engines.close();
  }
};

/** A sample that is spread evenly by a hash of the id, so that it is the same at every call. */
const sampleQuery = `
  SELECT id, endpoint, model, version, topic, partition, offset, lookups, features, output,
    toUnixTimestamp64Milli(served_at) AS servedAt
  FROM predictions WHERE project = {project:String}
  ORDER BY cityHash64(id) LIMIT {sample:UInt32}`;

type SampleRow = Omit<StoredPrediction, "lookups" | "features" | "output"> & {
  features: (number | string)[];
  output: number | string;
  lookups: [string, number, string | number][];
};

export const verifySample = async (
  settings: Settings,
  warehouseUrl: string,
  project: string,
  sample: number,
): Promise<Verification> => {
  const warehouse = openWarehouse(warehouseUrl);
  const engines = await openEngines(settings);
  try {
    const answer = await warehouse.client.query({
      query: sampleQuery,
      query_params: { project, sample },
      format: "JSONEachRow",
      clickhouse_settings: { output_format_json_quote_64bit_integers: 0, output_format_json_quote_denormals: 1 },
    });
    const rows = await answer.json<SampleRow>();
    const predictions = rows.map((row) => ({
      ...row,
      features: row.features.map(numberOf),
      output: numberOf(row.output),
      servedAt: Number(row.servedAt),
      lookups: row.lookups.map(([view, partition, offset]) => ({ view, partition, offset: Number(offset) })),
    }));
    return await verifyAsServed(engines.eventStore, {
      ...engines,
      limits: modelLimits(settings),
      project,
      predictions,
    });
  } finally {
    await engines.close();
    await warehouse.close();
  }
};
