import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import pino from "pino";
import { trackChild } from "../../infra/children.ts";
import { loadSettings } from "../../infra/config.ts";
import { withoutCredentials } from "../../infra/engine-url.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { warehousePasswordFile } from "../own-warehouse.ts";
import { startPlatform } from "../platform.ts";
import { type CliCommand, countOption, settingOptions, textValues } from "./command.ts";
import { aborted, shutdownSignal } from "./shutdown.ts";
import { banner } from "./start.ts";
import { verifySample } from "./verify.ts";

export const demo: CliCommand = {
  help: `Usage: millrace demo [OPTIONS]

Starts the platform on fresh data, trains on two months of real flights, streams the rest in event time,
prints what came of it and stays up.

  --events N     How many departures to stream from March on (all of them)
  --train-days N Train on so many days before March (59: January and February)
  --exit         Stop when the stream has been worked off
  --json         Print one JSON object as the last line
  --data DIR     Where to keep the data; must be empty or absent (a temporary folder)
  --port N       Port to listen on (4000; 0 for a free one)`,
  options: {
    ...settingOptions,
    events: { type: "string" },
    "train-days": { type: "string" },
    exit: { type: "boolean" },
    json: { type: "boolean" },
  },
  run: async ({ values }) => {
    const given = textValues(values);
    for (const name of ["events", "train-days"]) if (given[name] !== undefined) countOption(values, name, 1);
    const temporary = given.data === undefined;
    const data = given.data === undefined ? mkdtempSync(join(tmpdir(), "millrace-demo-")) : resolve(given.data);
    if (existsSync(data) && readdirSync(data).length > 0) {
      throw new MillraceError("INVALID_SETTING", `--data ${data} is not empty; the demo wants fresh data`);
    }
    const settings = loadSettings({ "log-level": "warn", ...given, data }, process.env);
    const logger = pino({ level: settings.logLevel }, pino.destination(2));
    const stopping = shutdownSignal();
    const stopped = aborted(stopping);
    const platform = await startPlatform(settings, logger, stopping);
    try {
      if (values.json !== true) console.log(banner(platform, settings));
      const args = [
        "--url",
        platform.url,
        "--warehouse",
        platform.warehouseAccess?.url ?? withoutCredentials(settings.warehouse),
      ];
      if (platform.warehouseAccess !== null) args.push("--warehouse-password-file", warehousePasswordFile(settings));
      if (given.events !== undefined) args.push("--events", given.events);
      if (given["train-days"] !== undefined) args.push("--train-days", given["train-days"]);
      const outcome = await runExample(args, stopped);
      if (outcome === null) return 1;
      const proof = await verifySample(settings, platform.warehouseUrl, "flights", 200);
      const result = { ...outcome, skewChecked: proof.checked, skewMismatches: proof.mismatches.length };
      if (values.json === true) console.log(JSON.stringify(result));
      else
        console.log(`  proved again from the log: ${proof.checked} predictions, ${proof.mismatches.length} differ\n`);
      if (values.exit === true) return proof.mismatches.length === 0 ? 0 : 1;
      console.log("The platform stays up; Ctrl-C ends it.");
      await stopped;
      return 0;
    } finally {
      await platform.close();
      if (temporary) await rm(data, { recursive: true, force: true });
    }
  },
};

/** Runs the example as any other client would run: a process of its own. null when it failed or was interrupted. */
const runExample = (args: string[], stopped: Promise<unknown>): Promise<Record<string, unknown> | null> =>
  new Promise((done, fail) => {
    const script = fileURLToPath(new URL("../../examples/flights/run.ts", import.meta.url));
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", script, ...args], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    trackChild(child);
    let result: Record<string, unknown> | null = null;
    child.on("message", (message) => {
      result = message as Record<string, unknown>;
    });
    child.on("error", fail);
    child.on("exit", (code) => done(code === 0 ? result : null));
    void stopped.then(() => child.kill("SIGTERM"));
  });
