import type { DatabaseSync } from "node:sqlite";
import { MillraceError } from "../../schemas/errors.ts";
import type { TopicConfig } from "./port.ts";

/** A topic's log is kept by `part`: one number for topic and partition. Topic ids are never used twice. */
export const PARTS_PER_TOPIC = 65_536;

export const brokerTables = `
  CREATE TABLE IF NOT EXISTS broker_topics (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, config TEXT NOT NULL
  );
  -- Grows with every change of a topic, so that each connection knows when its copy of them is stale.
  CREATE TABLE IF NOT EXISTS broker_catalog (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL);
  INSERT OR IGNORE INTO broker_catalog VALUES (1, 0);
  -- aged_at: newest event time, but never later than the write, so that one absurd timestamp expires nothing.
  CREATE TABLE IF NOT EXISTS broker_log (
    id INTEGER PRIMARY KEY, part INTEGER NOT NULL, base INTEGER NOT NULL, last INTEGER NOT NULL,
    count INTEGER NOT NULL, size INTEGER NOT NULL, min_time REAL NOT NULL, max_time REAL NOT NULL, aged_at REAL NOT NULL,
    appended_at INTEGER NOT NULL, bytes BLOB NOT NULL
  );
  CREATE INDEX IF NOT EXISTS broker_log_by_offset ON broker_log (part, last, base, count, size, aged_at);
  CREATE TABLE IF NOT EXISTS broker_offsets (
    consumer TEXT NOT NULL, topic INTEGER NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL,
    PRIMARY KEY (consumer, topic, partition)
  ) WITHOUT ROWID;
  -- Each opening of a writer's id is an epoch; only the newest may commit.
  CREATE TABLE IF NOT EXISTS broker_writers (id TEXT PRIMARY KEY, epoch INTEGER NOT NULL) WITHOUT ROWID;
  -- Compacted below "until"; "live" bytes were left then.
  CREATE TABLE IF NOT EXISTS broker_compacted (
    part INTEGER PRIMARY KEY, until INTEGER NOT NULL, live INTEGER NOT NULL
  );
  -- Deleted topics whose log is still being cleared away.
  CREATE TABLE IF NOT EXISTS broker_dropped (topic INTEGER PRIMARY KEY);
`;

export type Topic = { id: number; name: string; config: TopicConfig; maxRecordBytes: number };

/** Kafka's default for `message.max.bytes`, without its overhead. */
const DEFAULT_MAX_RECORD_BYTES = 1_048_576;

export const partOf = (topic: Topic, partition: number): number => {
  if (!Number.isInteger(partition) || partition < 0 || partition >= topic.config.partitions) {
    throw new MillraceError(
      "UNKNOWN_TOPIC",
      `topic "${topic.name}" has ${topic.config.partitions} partitions, counted from 0: there is no partition ${partition}`,
    );
  }
  return topic.id * PARTS_PER_TOPIC + partition;
};

export const unknownTopic = (name: string): MillraceError =>
  new MillraceError("UNKNOWN_TOPIC", `topic "${name}" does not exist: create it first`, { details: { topic: name } });

/** The topics as this connection sees them: cached, and read anew when any connection has changed them. */
export type Catalog = {
  find(name: string): Topic | undefined;
  /** UNKNOWN_TOPIC where there is none. */
  get(name: string): Topic;
  all(): Topic[];
};

export const sqliteCatalog = (db: DatabaseSync): Catalog => {
  const versionQuery = db.prepare("SELECT version FROM broker_catalog");
  const topicsQuery = db.prepare("SELECT id, name, config FROM broker_topics ORDER BY name");
  let version = -1;
  let byName = new Map<string, Topic>();

  const fresh = (): Map<string, Topic> => {
    const current = versionQuery.get()?.version as number;
    if (current !== version) {
      byName = new Map();
      for (const row of topicsQuery.all() as { id: number; name: string; config: string }[]) {
        const config = JSON.parse(row.config) as TopicConfig;
        const maxRecordBytes = config.maxRecordBytes ?? DEFAULT_MAX_RECORD_BYTES;
        byName.set(row.name, { id: row.id, name: row.name, config, maxRecordBytes });
      }
      version = current;
    }
    return byName;
  };

  return {
    find: (name) => fresh().get(name),
    get(name) {
      const topic = fresh().get(name);
      if (topic === undefined) throw unknownTopic(name);
      return topic;
    },
    all: () => [...fresh().values()],
  };
};

/** The statements that change topics; each runs inside a transaction of the caller. */
export const sqliteTopicChanges = (db: DatabaseSync, catalog: Catalog) => {
  const insert = db.prepare("INSERT INTO broker_topics (name, config) VALUES (?, ?)");
  const update = db.prepare("UPDATE broker_topics SET config = ? WHERE id = ?");
  const remove = db.prepare("DELETE FROM broker_topics WHERE id = ?");
  const removeOffsets = db.prepare("DELETE FROM broker_offsets WHERE topic = ?");
  const drop = db.prepare("INSERT INTO broker_dropped (topic) VALUES (?)");
  const changed = db.prepare("UPDATE broker_catalog SET version = version + 1");

  return {
    /** Creates the topic, or gives an existing one of as many partitions this configuration. */
    ensure(name: string, config: TopicConfig): void {
      const existing = catalog.find(name);
      const text = configText(config);
      if (existing === undefined) insert.run(name, text);
      else {
        if (existing.config.partitions !== config.partitions) {
          throw new MillraceError(
            "ILLEGAL_STATE",
            `topic "${name}" has ${existing.config.partitions} partitions, not ${config.partitions}: ` +
              "records would change their partition; use another topic",
          );
        }
        if (configText(existing.config) === text) return;
        update.run(text, existing.id);
      }
      changed.run();
    },
    /** Answers the topic's number. */
    delete(name: string): number {
      const { id } = catalog.get(name);
      remove.run(id);
      removeOffsets.run(id);
      drop.run(id);
      changed.run();
      return id;
    },
  };
};

export const configText = ({ partitions, cleanup, retentionMs, maxRecordBytes }: TopicConfig): string =>
  JSON.stringify({ partitions, cleanup, retentionMs, maxRecordBytes });

/** BAD_REQUEST names the field. */
export const checkConfig = (name: string, config: TopicConfig): void => {
  const refuse = (message: string): never => {
    throw new MillraceError("BAD_REQUEST", `topic "${name}": ${message}`);
  };
  if (name === "") refuse("the name is empty");
  const { partitions, cleanup, retentionMs, maxRecordBytes } = config;
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > PARTS_PER_TOPIC) {
    refuse(`partitions must be a whole number from 1 to ${PARTS_PER_TOPIC}, got ${partitions}`);
  }
  if (cleanup !== "delete" && cleanup !== "compact") refuse(`cleanup must be delete or compact, got "${cleanup}"`);
  if (retentionMs !== undefined && !(retentionMs > 0)) refuse(`retentionMs must be positive, got ${retentionMs}`);
  if (maxRecordBytes !== undefined && !(maxRecordBytes > 0)) {
    refuse(`maxRecordBytes must be positive, got ${maxRecordBytes}`);
  }
};
