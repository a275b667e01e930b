import assert from "node:assert/strict";
import { test } from "node:test";
import { serviceActor } from "../../commands/gate.ts";
import { silentLogger } from "../../commands/log.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { type JobRunner, jobProcess } from "../../training/runner.ts";
import { runTrainingWorker } from "../../training/worker.ts";
import { eventsOf } from "../commands/platform.ts";
import { flights, history, project, spec } from "./history.ts";

type History = Awaited<ReturnType<typeof history>>;

const startWorker = (past: History, runJob: JobRunner) => {
  const stop = new AbortController();
  const done = runTrainingWorker({
    eventStore: past.eventStore,
    dispatch: past.bus.dispatch,
    runJob,
    signal: stop.signal,
    logger: silentLogger,
  });
  const end = async (): Promise<void> => {
    stop.abort(new Error("shutting down"));
    await done;
  };
  past.keep(end);
  return { end };
};

const typesOf = async (past: History, job: string): Promise<string[]> =>
  (await eventsOf(past.eventStore, `training-job-${project}/${job}`)).map(({ type }) =>
    type.replace("TrainingJob", ""),
  );

/** Resolves with the job's event types when one of these has been written. */
const until = async (past: History, job: string, ...types: string[]): Promise<string[]> => {
  const stop = new AbortController();
  for await (const message of past.eventStore.subscribe({
    prefixes: [`training-job-${project}/${job}`],
    signal: stop.signal,
  })) {
    if (message.type === "event" && types.includes(message.event.type.replace("TrainingJob", ""))) break;
  }
  stop.abort();
  return typesOf(past, job);
};

const submit = (past: History, id: string) => past.send("SubmitTrainingJob", { id, spec });

/** Runs until it is aborted. */
const endless: JobRunner = (_job, { signal }) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });

test("a submitted job becomes a model version, its training in a process of its own", async (t) => {
  const past = await history(t);
  await past.take(flights(120));
  startWorker(past, jobProcess(past.engines, 1));
  await submit(past, "first");
  const types = await until(past, "first", "Completed", "Failed");
  assert.deepEqual(types.slice(0, 2), ["Submitted", "Started"]);
  assert.equal(types.at(-1), "Completed");
  assert.ok(types.includes("Progressed"));
  const created = (await eventsOf(past.eventStore, `model-${project}/delays`)).filter(
    ({ type }) => type === "ModelVersionCreated",
  );
  assert.equal(created.length, 1);
  const version = created[0].data as { version: number; lineage: { trainingJob: string }; columns: string[] };
  assert.equal(version.version, 1);
  assert.equal(version.lineage.trainingJob, "first");
  assert.equal(version.columns.length, 4);
});

test("a job that fails is reported with its code, and the next one is taken", async (t) => {
  const past = await history(t);
  const runJob: JobRunner = async ({ id }, { onProgress, signal }) => {
    if (id === "bad") throw new MillraceError("TRAINING_FAILED", "one class only");
    onProgress({ phase: "dataset", done: 1, total: 2, message: "" });
    return endless({ id, project, spec }, { onProgress, signal });
  };
  startWorker(past, runJob);
  await submit(past, "bad");
  await submit(past, "good");
  assert.deepEqual(await until(past, "bad", "Failed"), ["Submitted", "Started", "Failed"]);
  const [, , failure] = await eventsOf(past.eventStore, `training-job-${project}/bad`);
  assert.deepEqual(failure.data, { code: "TRAINING_FAILED", message: "one class only" });
  assert.deepEqual(await until(past, "good", "Progressed"), ["Submitted", "Started", "Progressed"]);
});

test("a cancelled job's run is ended, and the next one is taken", async (t) => {
  const past = await history(t);
  startWorker(past, endless);
  await submit(past, "long");
  await submit(past, "next");
  await until(past, "long", "Started");
  await past.send("CancelTrainingJob", { id: "long" });
  await until(past, "next", "Started");
  assert.deepEqual(await typesOf(past, "long"), ["Submitted", "Started", "Cancelled"]);
});

test("a job left running by a crash is attempted again, three times at most", async (t) => {
  const past = await history(t);
  await submit(past, "job");
  for (let attempt = 1; attempt <= 3; attempt++) {
    const { end } = startWorker(past, endless);
    const started = async (): Promise<number> =>
      (await typesOf(past, "job")).filter((type) => type === "Started").length;
    while ((await started()) < attempt) await new Promise((resolve) => setImmediate(resolve));
    await end();
  }
  startWorker(past, endless);
  assert.deepEqual(await until(past, "job", "Failed"), ["Submitted", "Started", "Started", "Started", "Failed"]);
});

test("another worker's job is left alone", async (t) => {
  const past = await history(t);
  await submit(past, "theirs");
  await past.bus.dispatch({
    type: "StartTrainingJob",
    project,
    payload: { id: "theirs", worker: "elsewhere", attempt: 1 },
    actor: serviceActor("elsewhere"),
  });
  startWorker(past, endless);
  await submit(past, "ours");
  await until(past, "ours", "Started");
  assert.deepEqual(await typesOf(past, "theirs"), ["Submitted", "Started"]);
});
