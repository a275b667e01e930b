import { writeFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { inspectModel } from "../../ml/onnx/inspect.ts";
import { openScorer, type Scorer } from "../../ml/onnx/session.ts";
import { asMillraceError, MillraceError } from "../../schemas/errors.ts";
import type { FromModel, OpenedModel, ScoredByModel, ToModel, WatchData } from "./messages.ts";
import { modelReceiver } from "./transfer.ts";

/**
 * The process of a stranger's model (`model-process.ts` starts it). The runtime blocks this thread for as long as the
 * model likes; a second thread ends the process when it has too much memory, or nobody is left to ask.
 */
const busy = new SharedArrayBuffer(4);
const flag = new Int32Array(busy);
const watch = new Worker(new URL("./watch.ts", import.meta.url), {
  workerData: { memoryBytes: Number(process.argv[2]), busy } satisfies WatchData,
});
const receive = modelReceiver();
let received: Buffer = Buffer.alloc(0);
let scorer: Scorer | null = null;

/** Gives up its hold of them, so that one model's bytes are not there beside the next one's. */
const takeBytes = (): Buffer => {
  const bytes = received;
  received = Buffer.alloc(0);
  return bytes;
};

const answer = async (message: ToModel): Promise<unknown> => {
  if (message.type === "receive") {
    received = await receive(message.size);
    return null;
  }
  if (message.type === "inspect") return inspectModel(takeBytes(), message.choice);
  if (message.type === "open") {
    scorer = await openScorer(takeBytes(), { ...message.choice, alone: message.alone });
    const { columns, task, output, outputIndex, runtime } = scorer;
    return { columns, task, output, outputIndex, runtime } satisfies OpenedModel;
  }
  if (scorer === null) throw new MillraceError("ILLEGAL_STATE", "no model is open in this process");
  const outputs = await scorer.score(message.rows, message.count);
  return { outputs, differed: scorer.differed() } satisfies ScoredByModel;
};

const say = (message: FromModel): void => {
  process.send?.(message);
};

/** Should the machine run out of memory all the same, this process goes first. */
const goFirst = (): void => {
  try {
    writeFileSync("/proc/self/oom_score_adj", "1000");
  } catch {
    // There is no such file elsewhere than on Linux.
  }
};

goFirst();
process.on("disconnect", () => process.exit(1));
process.on("message", (message: ToModel) => {
  Atomics.store(flag, 0, 1);
  watch.postMessage(null);
  answer(message)
    .then(
      (value) => say({ type: "done", value, residentBytes: process.memoryUsage.rss() }),
      (error: unknown) => {
        const { code, message: text } = asMillraceError(error);
        say({ type: "failed", code, message: text });
      },
    )
    .finally(() => Atomics.store(flag, 0, 0));
});
watch.once("online", () => say({ type: "ready" }));
