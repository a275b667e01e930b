import { type Broker, partitionKey, type Reader, type RecordBatch } from "../../infra/broker/port.ts";
import type { SchemaRegistry } from "../../infra/schema-registry/port.ts";
import { type RecordDecoder, recordDecoder, schemaIdOf } from "../../schemas/codec.ts";
import { asMillraceError, isMillraceError, MillraceError } from "../../schemas/errors.ts";
import type { Input } from "../topology.ts";

export type DecodedEvent = Record<string, unknown>;

/** A record that cannot be used, at its place in the input. */
export type Refused = { index: number; error: MillraceError; schemaId: number | null };

/** One input of a task: a reader, and the batch at hand, decoded. */
export type TaskInput = {
  readonly input: Input;
  /** Next offset to take. */
  position: number;
  batch: RecordBatch | null;
  /** Next record of the batch. */
  index: number;
  /** null where the record is refused. */
  events: (DecodedEvent | null)[];
  /** Event times, UTC ms. A refused record has -Infinity: it goes when it is its turn in its own input, and holds up none. */
  times: Float64Array;
  refused: Map<number, Refused>;
  /** When the batch was taken, wall clock. */
  polledAt: number;
  /** Since when there is nothing to take, wall clock; null when a record is at hand. */
  emptySince: number | null;
  /** Since when the task holds an event back for it, wall clock; null while it does not. */
  waitingSince: number | null;
  /** Makes a record be at hand if the broker has one. */
  fill(): Promise<void>;
  close(): Promise<void>;
};

/** Schemas of the process by id: decoders look here without waiting. */
export type SchemaCache = {
  get(id: number): string | undefined;
  load(id: number): Promise<void>;
  /** Loads every schema that the registry holds: decoding history must not wait. */
  loadAll(): Promise<void>;
};

export const schemaCache = (registry: SchemaRegistry): SchemaCache => {
  const known = new Map<number, string>();
  return {
    get: (id) => known.get(id),
    load: async (id) => {
      known.set(id, await registry.byId(id));
    },
    loadAll: async () => {
      for (const subject of await registry.subjects()) {
        for (const { id, schema } of await registry.versions(subject)) known.set(id, schema);
      }
    },
  };
};

export type InputOptions = {
  broker: Broker;
  schemas: SchemaCache;
  clock: () => number;
  input: Input;
  partition: number;
  position: number;
  maxRecords: number;
  /** How far ahead of the clock an event may be, milliseconds. */
  maxAheadMs: number;
  /** Told of the newest event time of each batch. */
  onRead: (topic: string, newest: number) => void;
};

export const taskInput = (options: InputOptions): TaskInput => {
  const { broker, schemas, clock, input, partition, maxRecords, maxAheadMs } = options;
  const { topic, source } = input;
  const reader: Reader = broker.reader({
    partitions: [{ topic, partition }],
    from: new Map([[partitionKey(topic, partition), options.position]]),
    maxRecords,
  });
  const decoder = recordDecoder(source.schema, schemas.get);
  const self: TaskInput = {
    input,
    position: options.position,
    batch: null,
    index: 0,
    events: [],
    times: new Float64Array(0),
    refused: new Map(),
    polledAt: 0,
    emptySince: null,
    waitingSince: null,
    fill: async () => {
      if (self.batch !== null && self.index < self.batch.count) return;
      const batch = await reader.poll(topic, partition);
      if (batch === null) {
        self.batch = null;
        self.emptySince ??= clock();
        return;
      }
      self.emptySince = null;
      self.waitingSince = null;
      self.polledAt = clock();
      self.batch = batch;
      self.index = 0;
      self.events = new Array(batch.count);
      self.times = new Float64Array(batch.count);
      self.refused = new Map();
      await decodeBatch(self, batch, decoder, schemas, self.polledAt + maxAheadMs);
      options.onRead(
        topic,
        self.times.reduce((newest, time) => Math.max(newest, time), Number.NEGATIVE_INFINITY),
      );
    },
    close: () => reader.close(),
  };
  return self;
};

const decodeBatch = async (
  self: TaskInput,
  batch: RecordBatch,
  decoder: ReturnType<typeof recordDecoder>,
  schemas: SchemaCache,
  latest: number,
): Promise<void> => {
  const unknown: number[] = [];
  const take = (i: number, decode: RecordDecoder): void => {
    const event = decode.decode(batch.bytes, batch.valueStart[i], batch.valueEnd[i]);
    const time = self.input.timeOf(event);
    checkRecord(batch, i, self.input.keyOf(event), time, latest);
    self.events[i] = event;
    self.times[i] = time;
  };
  for (let i = 0; i < batch.count; i++) {
    try {
      if (batch.valueStart[i] < 0) throw new MillraceError("INVALID_RECORD", "the record has no value");
      take(i, decoder);
    } catch (error) {
      self.events[i] = null;
      self.times[i] = Number.NEGATIVE_INFINITY;
      if (isMillraceError(error, "UNKNOWN_SCHEMA")) unknown.push(i);
      else self.refused.set(i, refusal(batch, i, error));
    }
  }
  const absent = new Set<number>();
  for (const i of unknown) {
    const id = schemaIdOf(batch.bytes, batch.valueStart[i], batch.valueEnd[i]) as number;
    try {
      if (schemas.get(id) === undefined && !absent.has(id)) await schemas.load(id);
      take(i, decoder);
    } catch (error) {
      if (isMillraceError(error, "UNKNOWN_SCHEMA")) absent.add(id);
      else if (!isMillraceError(error)) throw error;
      self.refused.set(i, refusal(batch, i, error));
    }
  }
};

const refusal = (batch: RecordBatch, index: number, error: unknown): Refused => ({
  index,
  error: asMillraceError(error),
  schemaId: schemaIdOf(batch.bytes, batch.valueStart[index], batch.valueEnd[index]),
});

/** The key must be there and be the one that the event asks for, or entities would lie in the wrong partition. */
const checkRecord = (batch: RecordBatch, i: number, expected: string, time: number, latest: number): void => {
  const start = batch.keyStart[i];
  if (start < 0) throw new MillraceError("INVALID_RECORD", `the record has no key; it must be "${expected}"`);
  const length = batch.keyEnd[i] - start;
  let same = length === expected.length;
  for (let k = 0; same && k < length; k++) same = batch.bytes[start + k] === expected.charCodeAt(k);
  if (!same && batch.bytes.toString("utf8", start, batch.keyEnd[i]) !== expected) {
    throw new MillraceError("INVALID_RECORD", `the record's key is not "${expected}", as its event says`);
  }
  if (!(time >= 0)) {
    throw new MillraceError("INVALID_RECORD", `event time ${time} is before 1970; it must be UTC milliseconds`);
  }
  if (time > latest) {
    throw new MillraceError(
      "EVENT_AHEAD",
      `event time ${time} is further ahead of the clock than STREAMS_MAX_AHEAD_MS; it must be UTC milliseconds, or microseconds in a field of type timestamp-micros`,
    );
  }
};

/** Whether it has given all the records that it has read. */
export const isDry = ({ batch, index }: TaskInput): boolean => batch === null || index >= batch.count;
