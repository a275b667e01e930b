import { createHash } from "node:crypto";
import type { StoredEvent } from "../infra/event-store/port.ts";
import { canonicalJson } from "../schemas/canonical-json.ts";
import { denialPrefix, projectOfDenials } from "../schemas/denials.ts";
import { aggregates, parseStreamName, streamName } from "../schemas/lifecycle.ts";

/** One fact as the audit has it: everything that is told of it, and what its digest is taken over. */
export type AuditRecord = {
  position: string;
  project: string;
  stream: string;
  revision: number;
  /** Of the event. */
  id: string;
  type: string;
  schemaVersion: number;
  actor: string;
  /** UTC milliseconds. */
  at: number;
  correlation: string;
  causation: string;
  /** Empty where none was given. */
  reason: string;
  /** As it was written, not brought to a newer version. */
  data: unknown;
};

/** A record with its place in the chain. `previous` is there where the copy does not begin with the chain. */
export type ChainedRecord = AuditRecord & { hash: string; previous?: string };

/** What the first record of a project follows. */
export const genesis = "0".repeat(64);

/** Streams that the audit tells of, of one project or of all. */
export const auditedPrefixes = (project?: string): string[] => [
  ...aggregates.map((aggregate) => (project === undefined ? `${aggregate}-` : streamName(aggregate, project, ""))),
  denialPrefix(project),
];

/** The event's record; null for an event of a stream that is not audited. */
export const auditRecord = (event: StoredEvent): AuditRecord | null => {
  const { stream, revision, id, type, position, data, metadata } = event;
  const project = parseStreamName(stream)?.project ?? projectOfDenials(stream);
  if (project === null) return null;
  return {
    position,
    project,
    stream,
    revision: Number(revision),
    id,
    type,
    schemaVersion: metadata.schemaVersion,
    actor: metadata.actor,
    at: metadata.at,
    correlation: metadata.$correlationId,
    causation: metadata.$causationId,
    reason: metadata.reason ?? "",
    data,
  };
};

/** Only the fields of a record, in its canonical encoding. */
export const encodeRecord = (record: AuditRecord): string => {
  const { position, project, stream, revision, id, type, schemaVersion, actor, at, ...rest } = record;
  const { correlation, causation, reason, data } = rest;
  const fields = { position, project, stream, revision, id, type, schemaVersion, actor, at };
  return canonicalJson({ ...fields, correlation, causation, reason, data });
};

/** SHA-256 over the digest before and the record's canonical encoding, lower-case hex. */
export const chainHash = (previous: string, record: AuditRecord): string =>
  createHash("sha256")
    .update(`${previous}\n${encodeRecord(record)}`)
    .digest("hex");

/** The chains of all projects, grown record by record. */
export const auditChains = (heads: ReadonlyMap<string, string> = new Map()) => {
  const newest = new Map(heads);
  return {
    next(record: AuditRecord): { previous: string; hash: string } {
      const previous = newest.get(record.project) ?? genesis;
      const hash = chainHash(previous, record);
      newest.set(record.project, hash);
      return { previous, hash };
    },
  };
};
