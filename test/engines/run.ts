import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { knownEngines } from "../../infra/native/known.ts";
import { engineStatus, variablesOf } from "../../infra/native/status.ts";
import { serverAdapters } from "./adapters.ts";

/**
 * `npm run test:engines [-- FILTER]`: every test file of this folder whose path contains FILTER, against the engines
 * that `npm run engines -- up` started and those that variables of the environment name, which win.
 * ENGINES_REQUIRED (kafka,redis,...) names engines that must be there. The tests of an engine that is not skip.
 */
const variableOf = {
  kafka: "KAFKA_URL",
  redis: "REDIS_URL",
  s3: "S3_URL",
  registry: "REGISTRY_URL",
  postgres: "POSTGRES_URL",
  kurrentdb: "EVENT_STORE",
  clickhouse: "WAREHOUSE",
};
type EngineName = keyof typeof variableOf;

const environment = { ...variablesOf(knownEngines.map(engineStatus)), ...process.env };
const isHere = (name: EngineName): boolean => Boolean(environment[variableOf[name]]);

const names = Object.keys(variableOf) as EngineName[];
const required = (process.env.ENGINES_REQUIRED ?? "").split(",").filter((name) => name !== "") as EngineName[];

for (const name of names) {
  const told = isHere(name) ? "here" : `not here: ${variableOf[name]} is not set, its tests skip`;
  console.log(`${name.padEnd(12)}${told}`);
}

const unknown = required.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`ENGINES_REQUIRED names no engine: ${unknown.join(", ")}; there are: ${names.join(", ")}`);
  process.exit(2);
}
const absent = required.filter((name) => !isHere(name));
if (absent.length > 0) {
  console.error(`required and not here: ${absent.join(", ")}; start it: npm run engines -- up ${absent.join(" ")}`);
  process.exit(1);
}

const filter = process.argv[2] ?? "";
const files = globSync("test/engines/**/*.test.ts")
  .filter((file) => file.includes(filter))
  .sort();
if (files.length === 0) {
  console.error(`no test file in test/engines contains "${filter}"`);
  process.exit(1);
}
/** KurrentDB's adapter is left out where there is none: its files would only show that. */
const covered = serverAdapters.filter((adapter) => !adapter.includes("kurrentdb") || isHere("kurrentdb"));
const isWhole = filter === "" && (["kafka", "redis", "s3"] as const).every(isHere);
const coverage = isWhole
  ? [
      "--experimental-test-coverage",
      "--test-coverage-lines=85",
      ...covered.map((adapter) => `--test-coverage-include=${adapter}`),
    ]
  : [];
const run = spawnSync(
  process.execPath,
  [
    "--disable-warning=ExperimentalWarning",
    ...coverage,
    "--test",
    "--test-concurrency=1",
    "--test-timeout=600000",
    ...files,
  ],
  { stdio: "inherit", env: environment },
);
process.exit(run.status ?? 1);
