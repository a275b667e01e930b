import { createHash } from "node:crypto";
import { millrace } from "../../e2e/platform.ts";
import type { Life } from "./life.ts";

/** The commands of the command line that prove what the platform holds, on data that no process has open. */
const proofs: readonly (readonly string[])[] = [["verify", "--sample", "2000"], ["audit", "verify"], ["doctor"]];

/** What the platform's own proofs find wrong. */
export const proven = async (data: string): Promise<string[]> => {
  const findings: string[] = [];
  for (const args of proofs) {
    const { code, output } = await millrace([...args, "--data", data, "--log-level", "warn"]);
    if (code !== 0) findings.push(`${args.join(" ")} exits with ${code}: ${output.slice(-1500)}`);
  }
  return findings;
};

/** What the tables hold that can be built anew; what depends on the moment of writing is left out. */
const tables: Readonly<Record<string, string>> = {
  predictions: "SELECT * FROM predictions FINAL ORDER BY id",
  outcomes: "SELECT * FROM outcomes FINAL ORDER BY prediction_id",
  drift: "SELECT * FROM drift FINAL ORDER BY ALL",
  tiles: "SELECT * FROM tiles FINAL ORDER BY ALL",
  audit: "SELECT * FROM audit FINAL ORDER BY project, position",
  "documents-history": "SELECT * FROM documents FINAL ORDER BY collection, project, id, position",
};

type Snapshot = Record<string, { rows: number; digest: string }>;

const snapshot = async ({ sql }: Life): Promise<Snapshot> => {
  const found: Snapshot = {};
  for (const [name, query] of Object.entries(tables)) {
    const rows = await sql(query);
    const digest = createHash("sha256").update(JSON.stringify(rows)).digest("hex");
    found[name] = { rows: rows.length, digest };
  }
  return found;
};

/** What is derived must be the same when it is derived anew. Answers the tables that are not. */
export const rebuiltTheSame = async (life: Life, data: string): Promise<string[]> => {
  const before = await snapshot(life);
  const { port } = new URL(life.url);
  for (const name of Object.keys(tables)) {
    const { code, output } = await millrace(["rebuild", name, "--data", data, "--port", port]);
    if (code !== 0) return [`rebuild ${name} exits with ${code}: ${output.slice(-1000)}`];
  }
  const after = await snapshot(life);
  return Object.keys(tables)
    .filter((name) => before[name].digest !== after[name].digest)
    .map((name) => `rebuild ${name}: ${before[name].rows} rows before, ${after[name].rows} after, and they differ`);
};
