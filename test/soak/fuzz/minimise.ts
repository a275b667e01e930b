import type { HttpStep, Shot } from "./shot.ts";

const mostTries = 40;
const mostMs = 15_000;

/** Deeper than this nothing is left out: a fault of depth is one of the whole. */
const mostDepth = 6;

/** A value without one of its parts, one after the other. */
function* smaller(value: unknown, depth = 0): Generator<unknown> {
  if (depth > mostDepth) return;
  if (typeof value === "string" && value.length > 1) {
    const half = value.length >> 1;
    yield value.slice(0, half);
    yield value.slice(half);
  } else if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) yield value.toSpliced(i, 1);
    for (const [i, item] of value.entries()) for (const less of smaller(item, depth + 1)) yield value.with(i, less);
  } else if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value);
    for (let i = 0; i < entries.length; i++) yield Object.fromEntries(entries.toSpliced(i, 1));
    for (const [i, [key, member]] of entries.entries()) {
      for (const less of smaller(member, depth + 1)) yield Object.fromEntries(entries.with(i, [key, less]));
    }
  }
}

/** JSON as its value, anything else as its bytes. */
const parsed = (bytes: Buffer): unknown => {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return bytes.toString("latin1");
  }
};

const withBody = (step: HttpStep, value: unknown): HttpStep => {
  const bytes = typeof value === "string" ? Buffer.from(value, "latin1") : Buffer.from(JSON.stringify(value));
  return { ...step, body: bytes.toString("base64") };
};

/** The shot with less in the body of its last step, as long as that still shows the fault. */
export const minimise = async (shot: Shot, shows: (shot: Shot) => Promise<boolean>): Promise<Shot> => {
  let least = shot;
  let tries = 0;
  const deadline = Date.now() + mostMs;
  for (let found = true; found; ) {
    found = false;
    const step = least.steps[least.steps.length - 1];
    if (step.over !== "http" || step.body === "") return least;
    const value = parsed(Buffer.from(step.body, "base64"));
    for (const less of smaller(value)) {
      if (++tries > mostTries || Date.now() > deadline) return least;
      const candidate = { ...least, steps: [...least.steps.slice(0, -1), withBody(step, less)] };
      if (!(await shows(candidate))) continue;
      least = candidate;
      found = true;
      break;
    }
  }
  return least;
};
