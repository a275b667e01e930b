import { type AuditRecord, auditChains, auditRecord } from "./audit-chain.ts";
import { type EventTable, type EventTableOptions, runEventTable, warehouseTime } from "./event-table.ts";

const rowOf = ({ schemaVersion, at, data, ...record }: AuditRecord, hash: string): Record<string, unknown> => ({
  ...record,
  schema_version: schemaVersion,
  at: warehouseTime(at),
  data: JSON.stringify(data),
  hash,
});

/**
 * Who did what when, and why: every lifecycle event and every refusal as it was written, in the table `audit`, each
 * with a digest over itself and the one before it in its project. A chain is gone on with from the table's newest
 * digest, not from the events: what was written once is a second witness, not a copy of what the store says today.
 */
export const auditTable = (): EventTable => {
  let chains = auditChains();
  return {
    table: "audit",
    verbatim: true,
    async resume(ask, table) {
      const heads = await ask<{ project: string; hash: string }>(
        `SELECT project, argMax(hash, position) AS hash FROM ${table} GROUP BY project`,
      );
      chains = auditChains(new Map(heads.map(({ project, hash }) => [project, hash])));
    },
    rows: async (events) =>
      events.flatMap((event) => {
        const record = auditRecord(event);
        return record === null ? [] : [rowOf(record, chains.next(record).hash)];
      }),
  };
};

export const runAudit = (options: EventTableOptions): Promise<void> => runEventTable(auditTable(), options);
