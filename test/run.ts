import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { serverAdapters } from "./engines/adapters.ts";

/** `npm test [-- FILTER]`: every test file whose path contains FILTER; with no filter, coverage must hold. */
const filter = process.argv[2] ?? "";
const files = globSync("test/**/*.test.ts")
  .filter((file) => file.includes(filter))
  .sort();
const coverage =
  filter === ""
    ? [
        "--experimental-test-coverage",
        "--test-coverage-lines=85",
        "--test-coverage-exclude=test/**",
        "--test-coverage-exclude=examples/**",
        "--test-coverage-exclude=bench/**",
        // What talks to servers is measured where there are servers: test/engines/run.ts.
        ...serverAdapters.map((files) => `--test-coverage-exclude=${files}`),
        "--test-coverage-exclude=infra/native/**",
      ]
    : [];
const run = spawnSync(
  process.execPath,
  [
    "--disable-warning=ExperimentalWarning",
    ...coverage,
    "--test",
    "--test-concurrency=2",
    "--test-timeout=900000",
    ...files,
  ],
  { stdio: "inherit" },
);
process.exit(run.status ?? 1);
