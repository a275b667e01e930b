import { readFileSync } from "node:fs";
import { openCanary } from "./canary.ts";
import { fire } from "./findings.ts";
import type { Shot } from "./shot.ts";
import { discardTarget, materialOf, openTarget } from "./target.ts";

const shownBytes = 2000;

/** Sends the requests of a finding's file to a fresh platform, one after the other. Answers how many are wrong. */
export const replay = async (file: string, say: (line: string) => void): Promise<number> => {
  const { shots } = JSON.parse(readFileSync(file, "utf8")) as { shots: Shot[] };
  const canary = await openCanary();
  const target = await openTarget();
  let faults = 0;
  try {
    await materialOf(target, canary);
    for (const shot of shots) {
      const { wrong, answer } = await fire(shot, target.address, { canary: canary.secret, paths: [target.data] });
      if (wrong !== null) faults++;
      const { status, ms, body } = answer;
      say(`${shot.door}: ${wrong ?? "right"}: ${status} after ${Math.round(ms)} ms: ${body.slice(0, shownBytes)}`);
    }
    return faults;
  } finally {
    await target.kill();
    canary.close();
    discardTarget(target);
  }
};
