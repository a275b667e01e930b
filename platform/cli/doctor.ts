import { accessSync, constants, existsSync, mkdirSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import pino from "pino";
import { loadSettings, type Settings, settingSpecs } from "../../infra/config.ts";
import { withoutCredentials } from "../../infra/engine-url.ts";
import { openWarehouse, type Warehouse } from "../../infra/warehouse/open.ts";
import { type CliCommand, settingHelp, settingOptions, textValues } from "./command.ts";
import { engineFindings, type Finding, historyFindings } from "./doctor-engines.ts";
import { placesFinding } from "./doctor-places.ts";
import { runningWarehouse } from "./running.ts";

export const doctor: CliCommand = {
  help: `Usage: millrace doctor [OPTIONS]

Checks the machine, the settings and the data, and says what to do about what is wrong. Exits with 1 if anything is.

${settingHelp}`,
  options: settingOptions,
  run: async ({ values }) => {
    const settings = loadSettings(textValues(values), process.env);
    console.log("Settings (environment, then defaults; credentials hidden)");
    for (const key of Object.keys(settingSpecs) as (keyof Settings)[]) {
      console.log(`  ${settingSpecs[key].env.padEnd(26)}${shownSetting(key, settings)}`);
    }
    console.log("\nChecks");
    const findings = [node(), await onnxRuntime(), folder(settings), disk(settings), database(settings)];
    findings.push(...(await warehouse(settings)), ...(await engineFindings(settings)));
    findings.push(...(await historyFindings(settings)));
    for (const { name, ok, detail } of findings) console.log(`  ${ok ? "ok  " : "FAIL"} ${name.padEnd(14)}${detail}`);
    return findings.every(({ ok }) => ok) ? 0 : 1;
  },
};

const shownSetting = (key: keyof Settings, settings: Settings): string => {
  const value = String(settings[key]);
  if (settingSpecs[key].secret === true) return value === "" ? "" : "***";
  return withoutCredentials(value);
};

const node = (): Finding => {
  const major = Number(process.versions.node.split(".")[0]);
  return { name: "Node", ok: major >= 24, detail: `${process.version}; 24 comes with the dependencies (npm ci)` };
};

const onnxRuntime = async (): Promise<Finding> => {
  try {
    const { env } = await import("onnxruntime-node");
    return { name: "ONNX Runtime", ok: true, detail: String(env.versions.node ?? env.versions.common) };
  } catch (error) {
    return { name: "ONNX Runtime", ok: false, detail: `${(error as Error).message}; run npm ci` };
  }
};

const folder = ({ data }: Settings): Finding => {
  try {
    mkdirSync(data, { recursive: true });
    accessSync(data, constants.W_OK);
    return { name: "Data", ok: true, detail: `${data} is writable` };
  } catch (error) {
    return { name: "Data", ok: false, detail: `${(error as Error).message}; name another folder with --data` };
  }
};

const wantedBytes = 2 * 2 ** 30;

const disk = ({ data }: Settings): Finding => {
  if (!existsSync(data)) return { name: "Disk", ok: false, detail: `${data} does not exist` };
  const { bavail, bsize } = statfsSync(data);
  const free = bavail * bsize;
  const detail = `${(free / 2 ** 30).toFixed(1)} GiB free; the demo takes about 2 GiB`;
  return { name: "Disk", ok: free >= wantedBytes, detail };
};

const database = ({ data }: Settings): Finding => {
  const file = join(data, "millrace.db");
  if (!existsSync(file)) return { name: "Database", ok: true, detail: "none yet" };
  try {
    const db = new DatabaseSync(file, { readOnly: true });
    try {
      const row = db.prepare("PRAGMA quick_check(1)").get() as { quick_check: string };
      return { name: "Database", ok: row.quick_check === "ok", detail: `${file}: ${row.quick_check}` };
    } finally {
      db.close();
    }
  } catch (error) {
    return { name: "Database", ok: false, detail: `${file}: ${(error as Error).message}; restore it from a backup` };
  }
};

const warehouse = async (settings: Settings): Promise<Finding[]> => {
  const failed =
    (name: string) =>
    (error: Error): Finding => ({ name, ok: false, detail: error.message });
  try {
    const running = await runningWarehouse(settings, pino({ level: "silent" }));
    const opened = openWarehouse(running.url);
    try {
      const answer = await opened.client.query({ query: "SELECT version() AS version", format: "JSONEachRow" });
      const [{ version }] = await answer.json<{ version: string }>();
      const detail = `ClickHouse ${version} at ${withoutCredentials(running.url)}`;
      const found = [{ name: "Warehouse", ok: true, detail }];
      if (await hasTables(opened)) found.push(await placesFinding(settings, opened).catch(failed("Places")));
      return found;
    } finally {
      await opened.close();
      await running.close();
    }
  } catch (error) {
    return [failed("Warehouse")(error as Error)];
  }
};

/** No start has made them yet, or none of this release. */
const hasTables = async ({ client }: Warehouse): Promise<boolean> => {
  const query = "SELECT count() AS found FROM system.tables WHERE database = currentDatabase() AND name = 'places'";
  const answer = await client.query({ query, format: "JSONEachRow" });
  const [{ found }] = await answer.json<{ found: number | string }>();
  return Number(found) > 0;
};
