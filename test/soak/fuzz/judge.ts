import { type ErrorCode, errorTable } from "../../../schemas/errors.ts";
import type { Answer } from "./send.ts";
import type { Shot, Step } from "./shot.ts";

/** What no answer may hold: a file or an environment that a stranger asked for, and paths of the server. */
export type Secrets = { canary: string; paths: readonly string[] };

/** ClickHouse's own codes of a defect: LOGICAL_ERROR, STD_EXCEPTION, UNKNOWN_EXCEPTION. */
const enginesDefects = ["49", "1001", "1002"];

const codesIn = (body: string): string[] =>
  [...body.matchAll(/"(?:error_)?code":"([A-Z_]+)"/g)].map(([, code]) => code);

const isDefect = (code: string): boolean => {
  if (code === "INTERNAL_ERROR" || code === "INTERNAL_SERVER_ERROR") return true;
  const known = errorTable[code as ErrorCode];
  return known !== undefined && known.status >= 500 && known.status !== 503;
};

const ofWarehouse = ({ status, headers }: Answer): string | null => {
  if (status < 500) return null;
  const code = headers["x-clickhouse-exception-code"];
  if (code === undefined) return `${status} without an exception code`;
  return enginesDefects.includes(String(code)) ? `${status}, exception code ${code}` : null;
};

const ofPlatform = ({ status, headers, body }: Answer): string | null => {
  const defect = codesIn(body).find(isDefect);
  if (defect !== undefined) return `${status} ${defect}`;
  if (status < 500 || status === 501) return null;
  if (status !== 503) return `${status}`;
  return headers["retry-after"] === undefined ? "503 without Retry-After" : null;
};

/** An answer in JSON holds the paths as they are, but for Windows. */
const leak = ({ body }: Answer, { canary, paths }: Secrets, sent: string): string | null => {
  if (body.includes(canary) && !sent.includes(canary)) return "the canary's secret";
  if (/root:x:0:0:/.test(body)) return "a file of the host";
  const path = paths.find((path) => body.includes(path) && !sent.includes(path));
  if (path !== undefined) return "a path of the server";
  return /\n\s+at (?:.* )?\(?(?:file|node):/.test(body) ? "a stack trace" : null;
};

/** What is wrong with an answer, or null. A refusal with a code is right, whatever was sent. */
export const judge = (step: Step, answer: Answer, secrets: Secrets): string | null => {
  const sent = step.over === "http" ? step.path + Buffer.from(step.body, "base64").toString("latin1") : "";
  const leaked = leak(answer, secrets, sent);
  if (leaked !== null) return `the answer holds ${leaked}`;
  if (step.over === "http" && answer.failure !== null) return `no answer: ${answer.failure}`;
  if (step.over === "http" && step.mustRefuse && answer.status < 400) {
    const asked = Buffer.from(step.body, "base64").toString() || decodeURIComponent(step.path);
    return `was not refused: ${asked.slice(0, 100)}`;
  }
  if (step.over !== "ws" && step.to === "warehouse") return step.over === "socket" ? null : ofWarehouse(answer);
  // Not to be ready is an answer, not a failure.
  if (step.over === "http" && step.path === "/health/ready" && answer.status === 503) return null;
  // What is no HTTP need not be answered with headers that a client could heed.
  return ofPlatform(answer);
};

/** Findings of one signature are one fault, as far as can be told. */
export const signatureOf = ({ door }: Shot, wrong: string, answer: Answer): string => {
  // What leaked is in the answer somewhere; its beginning tells one refusal from another.
  const isLeak = wrong.startsWith("the answer holds");
  const message = /"message":"((?:[^"\\]|\\.)*)"/.exec(answer.body)?.[1] ?? answer.body.slice(0, 200);
  const plain = message
    .replace(/\\?"[^"]*\\?"|'[^']*'|`[^`]*`/g, "…")
    .replace(/\b[0-9a-f]{8,}\b/g, "#")
    .replace(/\d+/g, "#")
    .slice(0, isLeak ? 30 : 120);
  const what = wrong.replace(/canary-\w+|\d{4,}/g, "#");
  return wrong.startsWith("was not refused") ? `${door}: ${what}` : `${door}: ${what}: ${plain}`;
};
