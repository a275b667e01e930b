import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { judge, type Secrets, signatureOf } from "./judge.ts";
import { minimise } from "./minimise.ts";
import { type Address, type Answer, send } from "./send.ts";
import type { Shot } from "./shot.ts";

/** A fault, once for all the requests that showed it. */
export type Finding = { signature: string; count: number; file: string };

export type Findings = {
  all(): Finding[];
  /** Takes a fault down. The first request that shows it is made small where it can be, and kept in a file. */
  add(fault: { signature: string; shots: readonly Shot[]; answer?: Answer }): Finding;
  /** The first request of a fault, with less in it if that still shows it. */
  shrink(finding: Finding, shot: Shot, address: Address): Promise<void>;
};

const shownBytes = 4000;

export const collectFindings = (folder: string, secrets: Secrets, say: (line: string) => void): Findings => {
  const found = new Map<string, Finding>();
  const store = (finding: Finding, shots: readonly Shot[], answer?: Answer): void => {
    mkdirSync(folder, { recursive: true });
    const shown = answer && { ...answer, body: answer.body.slice(0, shownBytes) };
    const content = { signature: finding.signature, readable: shots.map(readable), answer: shown, shots };
    writeFileSync(finding.file, `${JSON.stringify(content, null, 2)}\n`);
  };
  return {
    all: () => [...found.values()],
    add({ signature, shots, answer }) {
      const known = found.get(signature);
      if (known !== undefined) {
        known.count++;
        return known;
      }
      const finding = { signature, count: 1, file: join(folder, `finding-${found.size + 1}.json`) };
      found.set(signature, finding);
      store(finding, shots, answer);
      say(`FINDING ${signature}\n  ${finding.file}`);
      return finding;
    },
    async shrink(finding, shot, address) {
      let last: Answer | undefined;
      const shows = async (candidate: Shot): Promise<boolean> => {
        const seen = await fire(candidate, address, secrets);
        const same = seen.wrong !== null && signatureOf(candidate, seen.wrong, seen.answer) === finding.signature;
        if (same) last = seen.answer;
        return same;
      };
      const least = await minimise(shot, shows);
      if (last !== undefined) store(finding, [least], last);
    },
  };
};

/** What people can read of a request. */
const readable = ({ door, steps }: Shot): string[] =>
  steps.map((step) => {
    if (step.over === "ws") return `${door}: ${step.messages.join(" ").slice(0, shownBytes)}`;
    if (step.over === "socket") {
      return `${door}: ${step.pieces
        .map((piece) => Buffer.from(piece, "base64").toString("latin1"))
        .join("")
        .slice(0, shownBytes)}`;
    }
    const body = Buffer.from(step.body, "base64").toString("utf8", 0, shownBytes);
    return `${door}: ${step.method} ${step.path.slice(0, shownBytes)} ${body}`;
  });

/** Sends all steps of a shot; answers the first fault, or the last answer. */
export const fire = async (
  shot: Shot,
  address: Address,
  secrets: Secrets,
): Promise<{ wrong: string | null; answer: Answer }> => {
  let answer: Answer | null = null;
  for (const step of shot.steps) {
    answer = await send(step, address);
    const wrong = judge(step, answer, secrets);
    if (wrong !== null) return { wrong, answer };
  }
  if (answer === null) throw new Error(`${shot.door}: a shot without a step`);
  return { wrong: null, answer };
};
