import type { Artifacts } from "../../infra/artifacts/port.ts";
import type { Broker } from "../../infra/broker/port.ts";
import { asMillraceError } from "../../schemas/errors.ts";
import type { Catalog } from "../catalog.ts";
import type { Emitter } from "../runtime/emitter.ts";
import { type DriftEvaluator, driftEvaluator, evaluatorWriter } from "./evaluator.ts";

export type JudgeOptions = {
  broker: Broker;
  artifacts: Artifacts;
  emitter: Emitter;
  clock: () => number;
  logger: { error(fields: object, message: string): void };
};

/** After these it is not known what has been committed, or by whom: the evaluator begins anew from what has. */
const beginAnewAfter: readonly string[] = [
  "FENCED",
  "ENGINE_UNAVAILABLE",
  "ENGINE_REFUSED",
  "LOG_CHANGED",
  "UNKNOWN_TOPIC",
];

const retryMs = 5_000;

/** Judges drift while it is this member's to do. What fails here, an unreadable profile say, holds up nothing else. */
export const judge = ({ broker, artifacts, emitter, clock, logger }: JudgeOptions) => {
  let evaluator: DriftEvaluator | null = null;
  let againAt = 0;
  /** Whether it is known that all has been read. */
  let atEnd = false;

  const close = async (): Promise<void> => {
    const held = evaluator;
    evaluator = null;
    atEnd = false;
    await held?.close();
  };

  return {
    /** Answers how many monitors had something to read; it looks for that only where something may have come. */
    step: async (catalog: Catalog, isMine: boolean, mayRead: boolean): Promise<number> => {
      if (!isMine) {
        await close();
        return 0;
      }
      if (clock() < againAt) return 0;
      try {
        evaluator ??= driftEvaluator({
          broker,
          artifacts,
          emitter,
          clock,
          writer: await broker.writer(evaluatorWriter),
        });
        const mustRead = mayRead || !atEnd;
        atEnd = false;
        const busy = await evaluator.step(catalog, mustRead);
        atEnd = busy === 0;
        return busy;
      } catch (error) {
        againAt = clock() + retryMs;
        if (beginAnewAfter.includes(asMillraceError(error).code)) await close();
        logger.error({ err: error, retryInMs: retryMs }, "drift could not be judged");
        return 0;
      }
    },
    /** Next offsets of what it reads, by `topic/partition`: to be waited for. */
    positions: (): ReadonlyMap<string, number> => evaluator?.positions() ?? new Map(),
    close,
  };
};
