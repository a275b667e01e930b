import { type CliCommand, countOption } from "../platform/cli/command.ts";
import { MillraceError } from "../schemas/errors.ts";
import type { BenchResult } from "./result.ts";

type Run = (options: {
  events?: number;
  seconds?: number;
  broker?: string;
  eventStore?: string;
}) => Promise<BenchResult>;

const benches: Record<string, () => Promise<Run>> = {
  stream: async () => (await import("./stream.ts")).run,
  append: async () => (await import("./append.ts")).run,
  features: async () => (await import("./features.ts")).run,
  graphql: async () => (await import("./graphql.ts")).run,
  rebuild: async () => (await import("./rebuild.ts")).run,
  latency: async () => (await import("./latency.ts")).run,
  tracking: async () => (await import("./tracking.ts")).run,
};

const number = (value: number): string => value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 3 : 0 });

export const bench: CliCommand = {
  help: `Usage: millrace bench ${Object.keys(benches).join("|")} [OPTIONS]

Measures one path of the platform, and in the same run its ceiling: each stage alone, or the engine without us.

  --events N      Size of the input, where the bench has one
  --broker kafka  stream: over Kafka (BROKER=kafka:..., or the one of npm run engines -- up kafka)
  --event-store E append: to KurrentDB instead (kurrentdb://..., or kurrentdb for a double of the server)
  --json          Print one JSON object as the last line`,
  options: {
    events: { type: "string" },
    broker: { type: "string" },
    "event-store": { type: "string" },
    json: { type: "boolean" },
  },
  run: async ({ values, positionals: [name] }) => {
    const load = benches[name ?? ""];
    if (load === undefined) {
      const known = Object.keys(benches).join(", ");
      throw new MillraceError("BAD_REQUEST", `bench: there is no "${name ?? ""}"; there are ${known}`);
    }
    const result = await (await load())({
      events: values.events === undefined ? undefined : countOption(values, "events", 1),
      broker: values.broker === undefined ? undefined : String(values.broker),
      eventStore: values["event-store"] === undefined ? undefined : String(values["event-store"]),
    });
    for (const note of result.notes) console.log(`  ${note}`);
    const { figure, unit, ceiling, ratio, rssMb } = result;
    console.log(
      `${result.name}: ${number(figure)} ${unit}, ceiling ${number(ceiling)}, ratio ${ratio.toFixed(2)}, ${rssMb} MB`,
    );
    if (values.json === true) console.log(JSON.stringify(result));
    return 0;
  },
};
