import type { HttpStep, Shot } from "./shot.ts";

const mostTries = 40;

/** The parts of a value that can be left out, each as the value without it. */
const smaller = (value: unknown): unknown[] => {
  if (typeof value === "string" && value.length > 1) {
    const half = value.length >> 1;
    return [value.slice(0, half), value.slice(half)];
  }
  if (Array.isArray(value)) {
    return [
      ...value.map((_, i) => value.toSpliced(i, 1)),
      ...value.flatMap((item, i) => smaller(item).map((less) => value.with(i, less))),
    ];
  }
  if (typeof value !== "object" || value === null) return [];
  const entries = Object.entries(value);
  return [
    ...entries.map((_, i) => Object.fromEntries(entries.toSpliced(i, 1))),
    ...entries.flatMap(([key, member], i) =>
      smaller(member).map((less) => Object.fromEntries(entries.with(i, [key, less]))),
    ),
  ];
};

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
  for (let found = true; found; ) {
    found = false;
    const step = least.steps[least.steps.length - 1];
    if (step.over !== "http" || step.body === "") return least;
    const value = parsed(Buffer.from(step.body, "base64"));
    for (const less of smaller(value)) {
      if (++tries > mostTries) return least;
      const candidate = { ...least, steps: [...least.steps.slice(0, -1), withBody(step, less)] };
      if (!(await shows(candidate))) continue;
      least = candidate;
      found = true;
      break;
    }
  }
  return least;
};
