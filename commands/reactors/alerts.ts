import { setTimeout as delay } from "node:timers/promises";
import type { Broker, Reader, RecordBatch, TopicPartition } from "../../infra/broker/port.ts";
import { partitionKey } from "../../infra/broker/port.ts";
import type { Tried } from "../../infra/report.ts";
import { asMillraceError, isMillraceError } from "../../schemas/errors.ts";
import { type DriftRecord, topicOf } from "../../schemas/topics.ts";
import type { CommandBus } from "../bus.ts";
import { serviceActor } from "../gate.ts";
import { type Logger, silentLogger } from "../log.ts";
import { alertId, alertOf } from "./drift-alert.ts";

export type AlertReactorDeps = {
  broker: Broker;
  dispatch: CommandBus["dispatch"];
  /** The projects of the moment: their drift topics are looked for again at every turn. */
  projects: () => readonly string[];
  decode: (value: Buffer) => DriftRecord;
  signal: AbortSignal;
  logger?: Logger;
  /** Told when an alert cannot be raised and is tried again, and when one was. */
  tried?: Tried;
};

const GROUP = "reactor-alerts";
const actor = serviceActor("alert-reactor");
const IDLE_MS = 1000;
const RETRY_MS = 1000;

/**
 * Raises an alert for every drifted result of every project's drift topic, until the signal. A result is marked as
 * read after its alert is in the log, and the alert's id is a function of the result: a crash in between repeats the
 * command, which then changes nothing. What cannot be raised is logged and passed over, unless trying again can help.
 */
export const runAlertReactor = async (deps: AlertReactorDeps): Promise<void> => {
  const { broker, dispatch, projects, decode, signal } = deps;
  const logger = deps.logger ?? silentLogger;

  const partitionsNow = async (): Promise<{ project: string; at: TopicPartition }[]> => {
    const found = await Promise.all(
      projects().map(async (project) => {
        const topic = topicOf.drift(project);
        const config = await broker.topic(topic);
        return Array.from({ length: config?.partitions ?? 0 }, (_, partition) => ({
          project,
          at: { topic, partition },
        }));
      }),
    );
    return found.flat();
  };

  /** False when the command should be tried again later. */
  const raise = async (project: string, value: Buffer, position: string): Promise<boolean> => {
    try {
      const result = decode(value);
      if (!result.drifted) return true;
      const payload = { id: alertId(result), definition: alertOf(result) };
      await dispatch({ type: "RaiseAlert", project, payload, actor, causationId: position });
      deps.tried?.worked();
      return true;
    } catch (error) {
      const coded = asMillraceError(error);
      if (coded.retryable) {
        deps.tried?.failed(coded);
        logger.warn({ err: coded, position }, "an alert could not be raised yet");
        return false;
      }
      deps.tried?.worked();
      // The alert of this window is there already, with figures of a run that had seen other rows.
      if (coded.code !== "ALREADY_EXISTS") logger.error({ err: coded, position }, "a drift result was passed over");
      return true;
    }
  };

  /** Answers the offset of the record that must be tried again, or null. */
  const raiseAll = async (project: string, batch: RecordBatch): Promise<number | null> => {
    for (let i = 0; i < batch.count; i++) {
      if (batch.valueStart[i] < 0) continue;
      const value = batch.bytes.subarray(batch.valueStart[i], batch.valueEnd[i]);
      const position = `${partitionKey(batch.topic, batch.partition)}/${batch.offsets[i]}`;
      if (signal.aborted || !(await raise(project, value, position))) return batch.offsets[i];
    }
    return null;
  };

  const drain = async (reader: Reader, project: string, { topic, partition }: TopicPartition): Promise<void> => {
    while (!signal.aborted) {
      const batch = await reader.poll(topic, partition);
      if (batch === null) return;
      const failed = await raiseAll(project, batch);
      const next = failed ?? batch.offsets[batch.count - 1] + 1;
      await broker.commitOffsets(GROUP, [{ topic, partition, offset: next }]);
      if (failed === null) continue;
      reader.seek(topic, partition, failed);
      await delay(RETRY_MS, undefined, { signal, ref: false }).catch(() => {});
    }
  };

  let reader: Reader | null = null;
  let reading = "";
  try {
    while (!signal.aborted) {
      const partitions = await partitionsNow();
      const names = partitions.map(({ at }) => partitionKey(at.topic, at.partition)).join();
      if (reader === null || names !== reading) {
        await reader?.close();
        const committed = await broker.committed(GROUP);
        const from = new Map(committed.map(({ topic, partition, offset }) => [partitionKey(topic, partition), offset]));
        reader = broker.reader({ partitions: partitions.map(({ at }) => at), from });
        reading = names;
      }
      try {
        for (const { project, at } of partitions) await drain(reader, project, at);
      } catch (error) {
        if (!isMillraceError(error, "LOG_CHANGED") && !isMillraceError(error, "UNKNOWN_TOPIC")) throw error;
        logger.warn({ err: error }, "a drift topic is gone, or was made again: its results are read from the start");
        await reader.close();
        reader = null;
        await delay(RETRY_MS, undefined, { signal, ref: false }).catch(() => {});
        continue;
      }
      if (partitions.length > 0) await reader.wait(IDLE_MS, signal);
      else await delay(IDLE_MS, undefined, { signal, ref: false }).catch(() => {});
    }
  } finally {
    await reader?.close();
  }
};
