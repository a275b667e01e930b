import type { Broker } from "../../infra/broker/port.ts";
import type { LogMark } from "../../infra/log-marks.ts";
import { isMillraceError } from "../../schemas/errors.ts";

/** The marks of one partition of these topics. */
export const logsOf = async (
  broker: Broker,
  topics: readonly string[],
  partition: number,
): Promise<Record<string, LogMark>> => {
  const logs: Record<string, LogMark> = {};
  for (const topic of topics) logs[topic] = (await broker.marks(topic))[partition];
  return logs;
};

/** The topics that were deleted, and perhaps made again, since their marks were taken. */
export const goneLogs = async (
  broker: Broker,
  logs: Readonly<Record<string, LogMark>>,
  partition: number,
): Promise<ReadonlySet<string>> => {
  const gone = new Set<string>();
  for (const [topic, mark] of Object.entries(logs)) {
    try {
      if (!(await broker.agreed({ topic, partition }, [mark], 0)).shared) gone.add(topic);
    } catch (error) {
      if (!isMillraceError(error, "UNKNOWN_TOPIC")) throw error;
      gone.add(topic);
    }
  }
  return gone;
};
