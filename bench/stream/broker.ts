import { randomUUID } from "node:crypto";
import { kafka } from "../../infra/native/kafka.ts";
import { readState } from "../../infra/native/state.ts";
import { MillraceError } from "../../schemas/errors.ts";

/** URL of the broker to stream through, with a prefix of this run's own; null for the embedded one. */
export const brokerUrl = (named: string | undefined): string | null => {
  if (named === undefined || named === "embedded") return null;
  if (named !== "kafka") throw new MillraceError("BAD_REQUEST", `--broker: expected embedded or kafka, got "${named}"`);
  const fromSetting = process.env.BROKER?.startsWith("kafka:") ? process.env.BROKER : undefined;
  const url = fromSetting ?? readState(kafka.name)?.launch.variables.KAFKA_URL;
  if (url === undefined) {
    throw new MillraceError(
      "NOT_FOUND",
      "--broker kafka: no Kafka is known: set BROKER=kafka://HOST:PORT, or start one: npm run engines -- up kafka",
    );
  }
  const own = new URL(url);
  own.searchParams.set("prefix", `bench-${randomUUID().slice(0, 8)}.`);
  return own.href;
};
