import type { Broker, RecordBatch } from "../../infra/broker/port.ts";
import { loadSettings } from "../../infra/config.ts";
import { valueDecoder } from "../../schemas/codec.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { type DeadLetterRecord, deadLetterSchema } from "../../schemas/topics.ts";
import { openEngines } from "../engines.ts";
import { type CliCommand, countOption, requireData, settingHelp, settingOptions, textValues } from "./command.ts";

type Filter = { project?: string; topic?: string; code?: string };

const suffix = ".dead-letters";
const decode = valueDecoder<DeadLetterRecord>(deadLetterSchema);

export const deadLetters: CliCommand = {
  help: `Usage: millrace dead-letters list|replay [OPTIONS]

list    Shows records that could not be used: where they lay, why they failed, how they begin.
replay  Produces those not replayed yet to their topics again, after what they failed of has been mended.
        Each is replayed once: what has been replayed is committed together with the records.
        Not those of stage "build": they were taken, and a view alone was built without them.

  --project P        Only of this project
  --topic T          Only records of this topic
  --code C           Only of this cause, e.g. UNKNOWN_SCHEMA
  --limit N          List at most so many, the newest (50)
${settingHelp}`,
  options: {
    ...settingOptions,
    project: { type: "string" },
    topic: { type: "string" },
    code: { type: "string" },
    limit: { type: "string", default: "50" },
  },
  run: async ({ values, positionals: [action] }) => {
    if (action !== "list" && action !== "replay") {
      throw new MillraceError("BAD_REQUEST", `dead-letters: say list or replay, not "${action ?? ""}"`);
    }
    const given = textValues(values);
    const filter: Filter = { project: given.project, topic: given.topic, code: given.code };
    const limit = countOption(values, "limit", 1);
    const settings = loadSettings(given, process.env);
    requireData(settings);
    const engines = await openEngines(settings);
    try {
      if (action === "replay") {
        const replayed = await replayDeadLetters(engines.broker, filter);
        console.log(`${replayed} records replayed`);
        return 0;
      }
      const letters = await listDeadLetters(engines.broker, filter);
      for (const letter of letters.slice(-limit)) console.log(describe(letter));
      console.log(`${letters.length} dead letters${letters.length > limit ? `, the newest ${limit} shown` : ""}`);
      return 0;
    } finally {
      await engines.close();
    }
  },
};

const describe = ({ topic, partition, offset, stage, code, message, value, failedAt }: DeadLetterRecord): string => {
  const head =
    value === null
      ? "no value"
      : value
          .subarray(0, 48)
          .toString("latin1")
          .replace(/[^\x20-\x7e]/g, ".");
  return `${new Date(failedAt).toISOString()} ${topic}/${partition}@${offset} ${stage} ${code}: ${message}\n    ${head}`;
};

const topicsOf = async (broker: Broker, { project }: Filter): Promise<string[]> =>
  (await broker.topics())
    .map(({ topic }) => topic)
    .filter((topic) => (project === undefined ? topic.endsWith(suffix) : topic === project + suffix));

const matches = (letter: DeadLetterRecord, { topic, code }: Filter): boolean =>
  (topic === undefined || letter.topic === topic) && (code === undefined || letter.code === code);

const listDeadLetters = async (broker: Broker, filter: Filter): Promise<DeadLetterRecord[]> => {
  const letters: DeadLetterRecord[] = [];
  for (const topic of await topicsOf(broker, filter)) {
    await follow(broker, topic, (batch, i) => {
      const letter = letterAt(batch, i);
      if (matches(letter, filter)) letters.push(letter);
    });
  }
  return letters;
};

/** Visits the records of a topic of one partition. */
const follow = async (
  broker: Broker,
  topic: string,
  visit: (batch: RecordBatch, index: number) => void,
): Promise<void> => {
  const reader = broker.reader({ partitions: [{ topic, partition: 0 }], from: new Map() });
  try {
    for (let batch = await reader.poll(topic, 0); batch !== null; batch = await reader.poll(topic, 0)) {
      for (let i = 0; i < batch.count; i++) visit(batch, i);
    }
  } finally {
    await reader.close();
  }
};

const letterAt = (batch: RecordBatch, i: number): DeadLetterRecord =>
  decode(batch.bytes, batch.valueStart[i], batch.valueEnd[i]);

/**
 * Produces matching letters to their topic and partition again. Which ones have been is written in the same
 * transaction, by letter and not by filter, so that filters that overlap replay none twice.
 */
export const replayDeadLetters = async (broker: Broker, filter: Filter): Promise<number> => {
  let replayed = 0;
  for (const topic of await topicsOf(broker, filter)) {
    const marks = `${topic}.replayed`;
    await broker.ensureTopic(marks, { partitions: 1, cleanup: "compact" });
    const done = new Set<string>();
    await follow(broker, marks, (batch, i) =>
      done.add(batch.bytes.toString("latin1", batch.keyStart[i], batch.keyEnd[i])),
    );
    const transaction = broker.transaction();
    const before = replayed;
    await follow(broker, topic, (batch, i) => {
      const mark = String(batch.offsets[i]);
      const letter = letterAt(batch, i);
      // Its task has taken it; a view alone was built without it, and gets it when it is built anew.
      if (letter.stage === "build" || done.has(mark) || !matches(letter, filter)) return;
      const headers = { "millrace-replay-of": `${letter.topic}/${letter.partition}@${letter.offset}` };
      transaction.add(letter.topic, letter.partition, letter.key, letter.value, letter.timestamp, headers);
      transaction.add(marks, 0, mark, Buffer.alloc(0), letter.timestamp);
      replayed += 1;
    });
    if (replayed > before) await transaction.commit();
    else transaction.abort();
  }
  return replayed;
};
