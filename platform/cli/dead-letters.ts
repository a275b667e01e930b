import type { Broker } from "../../infra/broker/port.ts";
import { partitionKey } from "../../infra/broker/port.ts";
import { loadSettings } from "../../infra/config.ts";
import { avroType } from "../../schemas/codec.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { deadLetterSchema } from "../../schemas/topics.ts";
import { openEngines } from "../engines.ts";
import { type CliCommand, settingHelp, settingOptions, textValues } from "./command.ts";

type DeadLetter = {
  stage: string;
  code: string;
  message: string;
  topic: string;
  partition: number;
  offset: number;
  schemaId: number | null;
  key: Buffer | null;
  value: Buffer | null;
  timestamp: number;
  failedAt: number;
};

type Filter = { project?: string; topic?: string; code?: string };

const suffix = ".dead-letters";
const type = avroType(deadLetterSchema);

export const deadLetters: CliCommand = {
  help: `Usage: millrace dead-letters list|replay [OPTIONS]

list    Shows records that could not be used: where they lay, why they failed, how they begin.
replay  Produces those not replayed yet to their topics again, after what they failed of has been mended.
        Each is replayed once: what has been replayed is committed together with the records.

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
    const engines = await openEngines(loadSettings(given, process.env));
    try {
      if (action === "replay") {
        const replayed = await replayDeadLetters(engines.broker, filter);
        console.log(`${replayed} records replayed`);
        return 0;
      }
      const limit = Number(given.limit);
      const letters = await listDeadLetters(engines.broker, filter);
      for (const letter of letters.slice(-limit)) console.log(describe(letter));
      console.log(`${letters.length} dead letters${letters.length > limit ? `, the newest ${limit} shown` : ""}`);
      return 0;
    } finally {
      await engines.close();
    }
  },
};

const describe = ({ topic, partition, offset, stage, code, message, value, failedAt }: DeadLetter): string => {
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

const matches = (letter: DeadLetter, { topic, code }: Filter): boolean =>
  (topic === undefined || letter.topic === topic) && (code === undefined || letter.code === code);

const listDeadLetters = async (broker: Broker, filter: Filter): Promise<DeadLetter[]> => {
  const letters: DeadLetter[] = [];
  for (const topic of await topicsOf(broker, filter)) {
    await follow(broker, topic, 0, (letter) => {
      if (matches(letter, filter)) letters.push(letter);
    });
  }
  return letters;
};

/** Visits the letters of a topic from an offset; answers the next offset. */
const follow = async (
  broker: Broker,
  topic: string,
  from: number,
  visit: (letter: DeadLetter) => void,
): Promise<number> => {
  const partitions = [{ topic, partition: 0 }];
  const reader = broker.reader({ partitions, from: new Map([[partitionKey(topic, 0), from]]) });
  let next = from;
  try {
    for (let batch = await reader.poll(topic, 0); batch !== null; batch = await reader.poll(topic, 0)) {
      for (let i = 0; i < batch.count; i++) {
        visit(type.fromBuffer(batch.bytes.subarray(batch.valueStart[i] + 5, batch.valueEnd[i])) as DeadLetter);
        next = batch.offsets[i] + 1;
      }
    }
    return next;
  } finally {
    await reader.close();
  }
};

/** Produces matching letters to their topic and partition again, each topic's in one transaction with its progress. */
export const replayDeadLetters = async (broker: Broker, filter: Filter): Promise<number> => {
  let replayed = 0;
  for (const topic of await topicsOf(broker, filter)) {
    const group = `replay.${filter.topic ?? "*"}.${filter.code ?? "*"}`;
    const committed = (await broker.committed(group)).find((offset) => offset.topic === topic)?.offset ?? 0;
    const transaction = broker.transaction();
    let count = 0;
    const next = await follow(broker, topic, committed, (letter) => {
      if (!matches(letter, filter)) return;
      const headers = { "millrace-replay-of": `${letter.topic}/${letter.partition}@${letter.offset}` };
      transaction.add(letter.topic, letter.partition, letter.key, letter.value, letter.timestamp, headers);
      count += 1;
    });
    if (count === 0) {
      transaction.abort();
      continue;
    }
    transaction.offsets(group, [{ topic, partition: 0, offset: next }]);
    await transaction.commit();
    replayed += count;
  }
  return replayed;
};
