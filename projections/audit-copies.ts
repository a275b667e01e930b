import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { StoredEvent } from "../infra/event-store/port.ts";
import { warehouseFailed } from "../infra/warehouse/failures.ts";
import type { Warehouse } from "../infra/warehouse/open.ts";
import { MillraceError } from "../schemas/errors.ts";
import { auditChains, auditRecord, type ChainedRecord } from "./audit-chain.ts";

/** From the first record at or after `from` to the last before the first at or after `to`, UTC milliseconds. */
export type AuditRange = { from?: number; to?: number };

/** The chain as the events have it. Events before the range are read, too: a digest holds all before it. */
export async function* auditOf(
  events: AsyncIterable<StoredEvent>,
  { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY }: AuditRange = {},
): AsyncGenerator<ChainedRecord> {
  const chains = auditChains();
  let begun = false;
  for await (const event of events) {
    const record = auditRecord(event);
    if (record === null) continue;
    const place = chains.next(record);
    begun ||= record.at >= from;
    if (!begun) continue;
    if (record.at >= to) return;
    yield { ...record, ...place };
  }
}

type Row = Omit<ChainedRecord, "data"> & { data: string };

/** The chain as the warehouse has it, of one project or of all. WAREHOUSE_FAILED. */
export async function* storedAudit(warehouse: Warehouse, project?: string): AsyncGenerator<ChainedRecord> {
  try {
    const answer = await warehouse.client.query({
      query: `SELECT toString(audit.position) AS position, project, stream, revision, id, type,
          schema_version AS schemaVersion, actor, toUnixTimestamp64Milli(audit.at) AS at, correlation, causation,
          reason, data, hash
        FROM audit ${project === undefined ? "" : "WHERE project = {project:String}"} ORDER BY audit.position`,
      query_params: project === undefined ? {} : { project },
      format: "JSONEachRow",
    });
    for await (const rows of answer.stream<Row>()) {
      for (const one of rows) {
        const row = one.json<Row>();
        yield { ...row, data: JSON.parse(row.data) as unknown };
      }
    }
  } catch (error) {
    throw warehouseFailed("read the audit", error);
  }
}

/** The chain as a file of `audit export --format jsonl` has it. BAD_REQUEST names the line that is none. */
export async function* exportedAudit(path: string): AsyncGenerator<ChainedRecord> {
  const input = createReadStream(path);
  const failed = new Promise<never>((_, reject) => {
    input.once("error", (cause) =>
      reject(new MillraceError("NOT_FOUND", `cannot read ${path}: name a file of audit export`, { cause })),
    );
  });
  failed.catch(() => {});
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]();
  for (let number = 1; ; number++) {
    const line = await Promise.race([lines.next(), failed]);
    if (line.done) return;
    if (line.value !== "") yield parse(line.value, `${path} line ${number}`);
  }
}

const parse = (line: string, where: string): ChainedRecord => {
  const refuse = (cause?: unknown): never => {
    throw new MillraceError("BAD_REQUEST", `${where} is not a record of audit export --format jsonl`, { cause });
  };
  try {
    const record = JSON.parse(line) as ChainedRecord;
    const texts = [record.position, record.project, record.stream, record.hash, record.previous];
    return texts.every((text) => typeof text === "string") && /^\d+$/.test(record.position) ? record : refuse();
  } catch (error) {
    return refuse(error);
  }
};

const columns = [
  "position",
  "project",
  "stream",
  "revision",
  "id",
  "type",
  "schemaVersion",
  "actor",
  "at",
  "correlation",
  "causation",
  "reason",
  "data",
  "previous",
  "hash",
] as const;

const cell = (value: unknown): string => {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** Records as text: JSON lines, or CSV (RFC 4180) with a line of names; `data` is JSON in both. */
export async function* auditText(
  records: AsyncIterable<ChainedRecord>,
  format: "jsonl" | "csv",
): AsyncGenerator<string> {
  if (format === "csv") yield `${columns.join(",")}\r\n`;
  for await (const record of records) {
    if (format === "jsonl") yield `${JSON.stringify(record)}\n`;
    else yield `${columns.map((name) => cell(record[name])).join(",")}\r\n`;
  }
}
