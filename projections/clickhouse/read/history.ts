import type { Warehouse } from "../../../infra/warehouse/open.ts";
import { numberOf } from "../../doubles.ts";
import { ask, conditions, withDenormals, within } from "./ask.ts";
import { type PageOptions, paging, type WarehousePage } from "./page.ts";

/** Features of an entity as they were at a moment of event time. */
export type FeatureValueRow = {
  application: string;
  view: string;
  version: number;
  entity: string;
  at: number;
  /** In the order of the view's features; NaN where there was none. */
  values: number[];
  partition: number;
  offset: number;
};

/** One lifecycle event: who did what when, and why. `data` is its JSON. */
export type AuditRow = {
  position: string;
  stream: string;
  revision: number;
  type: string;
  actor: string;
  at: number;
  correlation: string;
  causation: string;
  data: string;
  reason: string;
  /** Of the event. */
  id: string;
  /** Over the record and the hash before it, hexadecimal. */
  hash: string;
};

/** A record that could not be taken. `key` and `value` are its bytes, base64, null where it had none. */
export type DeadLetterRow = {
  stage: string;
  code: string;
  message: string;
  topic: string;
  partition: number;
  offset: number;
  schemaId: number | null;
  key: string | null;
  value: string | null;
  timestamp: number;
  failedAt: number;
  /** Where the dead letter itself lies in the project's dead-letter topic. */
  letterPartition: number;
  letterOffset: number;
};

type Range = { from?: number; to?: number };

export const historyReads = (warehouse: Warehouse) => ({
  /** An entity's features over event time. BAD_REQUEST for a foreign cursor. */
  async featureHistory(
    project: string,
    view: string,
    entity: string,
    options: { version?: number } & Range & PageOptions,
  ): Promise<WarehousePage<FeatureValueRow>> {
    const pages = paging<FeatureValueRow>(options, [
      { sql: "toUnixTimestamp64Milli(feature_values.at)", type: "Int64", of: (row) => row.at },
      { sql: "_partition", type: "Int32", of: (row) => row.partition },
      { sql: "_offset", type: "Int64", of: (row) => row.offset },
    ]);
    const these = conditions()
      .add("project = {project:String}", "project", project)
      .add("view = {view:String}", "view", view)
      .add("entity = {entity:String}", "entity", entity)
      .add("version = {version:Int32}", "version", options.version);
    within(these, "feature_values.at", options);
    const rows = await ask<Omit<FeatureValueRow, "values"> & { values: (number | string)[] }>(
      warehouse,
      `SELECT application, view, version, entity, toUnixTimestamp64Milli(feature_values.at) AS at, values,
         _partition AS partition, _offset AS offset
       FROM feature_values WHERE ${these.sql} AND ${pages.where.sql} ${pages.order}`,
      { ...these.parameters, ...pages.where.parameters },
      withDenormals,
    );
    return pages.page(rows.map((row) => ({ ...row, values: row.values.map(numberOf) })));
  },

  /** Lifecycle events in the order of the log. BAD_REQUEST for a foreign cursor. */
  async audit(
    project: string,
    options: { stream?: string; actor?: string; type?: string } & Range & PageOptions,
  ): Promise<WarehousePage<AuditRow>> {
    const pages = paging<AuditRow>(options, [{ sql: "audit.position", type: "UInt64", of: (row) => row.position }]);
    const these = conditions()
      .add("project = {project:String}", "project", project)
      .add("stream = {stream:String}", "stream", options.stream)
      .add("actor = {actor:String}", "actor", options.actor)
      .add("type = {type:String}", "type", options.type);
    within(these, "audit.at", options);
    const rows = await ask<AuditRow>(
      warehouse,
      `SELECT toString(audit.position) AS position, stream, revision, type, actor,
         toUnixTimestamp64Milli(audit.at) AS at, correlation, causation, data, reason,
         audit.id AS id, hash
       FROM audit WHERE ${these.sql} AND ${pages.where.sql} ${pages.order}`,
      { ...these.parameters, ...pages.where.parameters },
    );
    return pages.page(rows);
  },

  /** The newest link of a project's chain; null where it has none. */
  async auditHead(project: string): Promise<{ position: string; hash: string; at: number } | null> {
    const [head] = await ask<{ position: string; hash: string; at: number }>(
      warehouse,
      `SELECT toString(audit.position) AS position, hash, toUnixTimestamp64Milli(audit.at) AS at FROM audit
       WHERE project = {project:String} ORDER BY audit.position DESC LIMIT 1`,
      { project },
    );
    return head ?? null;
  },

  /** In the order in which they failed, by partition. BAD_REQUEST for a foreign cursor. */
  async deadLetters(
    project: string,
    options: { topic?: string; stage?: string; code?: string } & Range & PageOptions,
  ): Promise<WarehousePage<DeadLetterRow>> {
    const pages = paging<DeadLetterRow>(options, [
      { sql: "_partition", type: "Int32", of: (row) => row.letterPartition },
      { sql: "_offset", type: "Int64", of: (row) => row.letterOffset },
    ]);
    const these = conditions()
      .add("project = {project:String}", "project", project)
      .add("topic = {topic:String}", "topic", options.topic)
      .add("stage = {stage:String}", "stage", options.stage)
      .add("code = {code:String}", "code", options.code);
    within(these, "failed_at", options);
    const rows = await ask<DeadLetterRow>(
      warehouse,
      `SELECT stage, code, message, topic, partition, offset, schema_id AS schemaId,
         base64Encode(dead_letters.key) AS key, base64Encode(dead_letters.value) AS value,
         toUnixTimestamp64Milli(dead_letters.timestamp) AS timestamp, toUnixTimestamp64Milli(failed_at) AS failedAt,
         _partition AS letterPartition, _offset AS letterOffset
       FROM dead_letters WHERE ${these.sql} AND ${pages.where.sql} ${pages.order}`,
      { ...these.parameters, ...pages.where.parameters },
    );
    return pages.page(rows);
  },
});
