import { parseArgs } from "node:util";
import { doors } from "./fuzz/doors.ts";
import { fuzz } from "./fuzz/fuzz.ts";
import { replay } from "./fuzz/replay.ts";
import { kills } from "./kills/kills.ts";
import { kinds } from "./kills/kinds.ts";

const help = `Usage: npm run soak -- kills|fuzz [OPTIONS]
       npm run soak -- replay FILE

kills  Kills, stops, cuts and damages a platform under load, round after round, and looks at everything after each.
fuzz   Sends random requests to every door of a running platform and watches it.
replay Sends the requests of a finding of fuzz to a fresh platform.

  --seed S       The same seed plays the same rounds (1)
  --minutes N    kills: no round begins after so long (600); fuzz: how long (10)
  --keep DIR     Where data and requests of findings are kept (./soak)

kills:
  --kills N      SIGKILL of the whole tree, the main process, the warehouse, in start-up, in set-up (10)
  --stops N      SIGSTOP of 2 to 20 seconds (3)
  --cuts N       Power cuts, restored logs, older warehouses, lost logs (4)
  --full N       A full disk (1)
  --corrupt N    Files that are damaged, one at a time (10)
  --only KINDS   Some of ${kinds.map(({ name }) => name).join(", ")}

fuzz:
  --only DOORS   Some of ${doors.map(({ name }) => name).join(", ")}
`;

const count = (text: string | undefined, name: string, fallback: number): number => {
  const value = text === undefined ? fallback : Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new Error(`--${name}: expected a whole number from 0 on, got "${text}"`);
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: "string" },
    minutes: { type: "string" },
    keep: { type: "string", default: "soak" },
    kills: { type: "string" },
    stops: { type: "string" },
    cuts: { type: "string" },
    full: { type: "string" },
    corrupt: { type: "string" },
    only: { type: "string", default: "" },
    help: { type: "boolean", short: "h" },
  },
});

const onlyOf = (known: readonly { name: string }[]): string[] => {
  const only = values.only.split(",").filter((name) => name !== "");
  const unknown = only.find((name) => !known.some((each) => each.name === name));
  if (unknown !== undefined) throw new Error(`--only: there is no "${unknown}"`);
  return only;
};

const say = (line: string): void => console.log(line);

const runKills = async (): Promise<number> => {
  const findings = await kills({
    rounds: {
      kills: count(values.kills, "kills", 10),
      stops: count(values.stops, "stops", 3),
      cuts: count(values.cuts, "cuts", 4),
      full: count(values.full, "full", 1),
      corrupt: count(values.corrupt, "corrupt", 10),
    },
    seed: count(values.seed, "seed", 1),
    minutes: count(values.minutes, "minutes", 600),
    keep: values.keep,
    only: onlyOf(kinds),
    say,
  });
  return findings.length;
};

const runFuzz = async (): Promise<number> => {
  const findings = await fuzz({
    seed: count(values.seed, "seed", 1),
    minutes: count(values.minutes, "minutes", 10),
    keep: values.keep,
    only: onlyOf(doors),
    say,
  });
  return findings.length;
};

// Ends as a program that has finished: what it started ends with it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130));

const programs: Record<string, () => Promise<number>> = {
  kills: runKills,
  fuzz: runFuzz,
  replay: () => replay(positionals[1] ?? "", say),
};
const program = programs[positionals[0] ?? ""];
if (values.help === true || program === undefined) {
  console.log(help);
  process.exit(values.help === true ? 0 : 2);
}
process.exit((await program()) === 0 ? 0 : 1);
