import { once } from "node:events";
import pino from "pino";
import { loadSettings, type Settings } from "../../infra/config.ts";
import { openEventStore } from "../../infra/event-store/open.ts";
import type { EventStore } from "../../infra/event-store/port.ts";
import { openWarehouse } from "../../infra/warehouse/open.ts";
import { auditedPrefixes } from "../../projections/audit-chain.ts";
import { auditOf, auditText, exportedAudit, storedAudit } from "../../projections/audit-copies.ts";
import { type AuditVerdict, verifyAudit } from "../../projections/audit-verify.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { momentOf } from "../../schemas/moment.ts";
import { type CliCommand, requireData, settingHelp, settingOptions, textValues } from "./command.ts";
import { runningWarehouse } from "./running.ts";

export const audit: CliCommand = {
  help: `Usage: millrace audit verify|export [OPTIONS]

verify  Computes the chain of digests again from the event store and compares it with the one in the warehouse, or in
        an exported file. Names every event that was changed, deleted or inserted, and every stream that cannot be read
        whole; the exit code is then 1.
export  Writes the chain, computed from the event store, to the standard output.

  --project P        Only of this project (all)
  --against FILE     verify: compare with this file of export --format jsonl instead of the warehouse
  --digest HASH      verify: this digest, noted earlier, has to be in the chain
  --format F         export: jsonl or csv (jsonl)
  --from T           export: from this moment on (ISO 8601, UTC)
  --to T             export: before this moment
${settingHelp}`,
  options: {
    ...settingOptions,
    project: { type: "string" },
    against: { type: "string" },
    digest: { type: "string" },
    format: { type: "string", default: "jsonl" },
    from: { type: "string" },
    to: { type: "string" },
  },
  run: async ({ values, positionals: [action] }) => {
    if (action !== "verify" && action !== "export") {
      throw new MillraceError("BAD_REQUEST", `audit: say verify or export, not "${action ?? ""}"`);
    }
    const given = textValues(values);
    const range = { from: momentOption(given.from, "from"), to: momentOption(given.to, "to") };
    const { project, format, against, digest } = given;
    if (format !== "jsonl" && format !== "csv") {
      throw new MillraceError("BAD_REQUEST", `--format: say jsonl or csv, not "${format}"`);
    }
    const settings = loadSettings(given, process.env);
    requireData(settings);
    const eventStore = await openEventStore(settings.eventStore);
    try {
      const events = () => eventStore.readAll({ prefixes: auditedPrefixes(project), verbatim: true });
      if (action === "export") {
        await print(auditText(auditOf(events(), range), format));
        return 0;
      }
      const verdict = await verified(settings, eventStore, { project, against, digest });
      report(verdict, against ?? "the warehouse");
      const faults = await reportFaults(eventStore, auditedPrefixes(project));
      return verdict.findings.length + verdict.unknownDigests.length + faults === 0 ? 0 : 1;
    } finally {
      await eventStore.close();
    }
  },
};

type What = { project?: string; against?: string; digest?: string };

const verified = async (
  settings: Settings,
  eventStore: EventStore,
  { project, against, digest }: What,
): Promise<AuditVerdict> => {
  const events = eventStore.readAll({ prefixes: auditedPrefixes(project), verbatim: true });
  const digests = digest === undefined ? [] : [digest.toLowerCase()];
  if (against !== undefined) return verifyAudit(events, ofProject(exportedAudit(against), project), digests);
  const running = await runningWarehouse(settings, pino({ level: settings.logLevel }, pino.destination(2)));
  try {
    const warehouse = openWarehouse(running.url, { cluster: settings.warehouseCluster });
    try {
      return await verifyAudit(events, storedAudit(warehouse, project), digests);
    } finally {
      await warehouse.close();
    }
  } finally {
    await running.close();
  }
};

async function* ofProject<T extends { project: string }>(
  records: AsyncIterable<T>,
  project: string | undefined,
): AsyncGenerator<T> {
  for await (const record of records) if (project === undefined || record.project === project) yield record;
}

const report = ({ events, newer, heads, findings, unknownDigests }: AuditVerdict, copy: string): void => {
  for (const { kind, what, record } of findings) {
    const { project, stream, revision, position, type, actor, at } = record;
    console.log(`${project}: ${kind}: ${stream} revision ${revision}, position ${position}: ${what}`);
    console.log(`  ${type} of ${actor} at ${new Date(at).toISOString()}`);
  }
  for (const digest of unknownDigests) console.log(`no record has the digest ${digest}: what led to it was changed`);
  for (const [project, { position, hash }] of heads) console.log(`${project}: head ${hash} at position ${position}`);
  const later = newer === 0 ? "" : `; ${newer} of them newer than the copy`;
  console.log(`${events} events compared with ${copy}: ${findings.length} differ${later}`);
};

/** Names the streams that cannot be read whole: what is gone from both sides, the comparison cannot see. */
const reportFaults = async (eventStore: EventStore, prefixes: readonly string[]): Promise<number> => {
  let faults = 0;
  for await (const { code, stream, message } of eventStore.examine()) {
    if (!prefixes.some((prefix) => stream.startsWith(prefix))) continue;
    faults++;
    console.log(`${code}: ${message}`);
  }
  if (faults > 0) console.log(`${faults} streams cannot be read whole`);
  return faults;
};

const momentOption = (text: string | undefined, name: string): number | undefined => {
  if (text === undefined) return undefined;
  const at = momentOf(text);
  if (at !== null) return at;
  throw new MillraceError("BAD_REQUEST", `--${name}: expected a moment such as 2026-11-21T10:00:00Z, got "${text}"`);
};

/** Ends early, without an error, when whoever reads has seen enough. */
const print = async (texts: AsyncIterable<string>): Promise<void> => {
  let closed = false;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    closed = true;
    process.stdout.emit("drain");
  });
  for await (const text of texts) {
    if (closed) return;
    if (!process.stdout.write(text)) await once(process.stdout, "drain");
  }
};
