import { setTimeout as pause } from "node:timers/promises";
import { randomOf } from "../../e2e/flights.ts";
import { root, until } from "../../e2e/platform.ts";
import { table } from "../table.ts";
import { type Canary, openCanary } from "./canary.ts";
import type { Door, Material } from "./door.ts";
import { doors } from "./doors.ts";
import { collectFindings, type Finding, type Findings, fire } from "./findings.ts";
import { type Secrets, signatureOf } from "./judge.ts";
import { type Health, slope, watch } from "./monitor.ts";
import { mutateBytes, mutateText } from "./mutate.ts";
import { chance, pick, type Random } from "./random.ts";
import { answerWithinMs } from "./send.ts";
import type { HttpStep, Shot } from "./shot.ts";
import { discardTarget, materialOf, openTarget, type Target } from "./target.ts";

export type FuzzOptions = {
  seed: number;
  minutes: number;
  /** Doors to try; all of them when it is empty. */
  only: readonly string[];
  /** Where requests of findings are kept. */
  keep: string;
  say(line: string): void;
};

const concurrency = 4;
const mostResidentBytes = 4 * 2 ** 30;
const endWithinMs = 15_000;
/** A request whose answer took longer is not sent again and again to make it smaller. */
const quickMs = 2_000;

type Tally = { shots: number; ok: number; refused: number; other: number; slowestMs: number };

/** All that one run of the program shares. */
type Run = {
  options: FuzzOptions;
  chosen: readonly Door[];
  canary: Canary;
  secrets: Secrets;
  findings: Findings;
  tallies: Map<string, Tally>;
  inFlight: Map<number, Shot>;
  /** Number of the next shot: with the seed it fixes what is shot. */
  next: number;
  target: Target;
  material: Material;
  healths: Health[];
};

/** Shoots at every door of a running platform for a while. Answers what was found. */
export const fuzz = async (options: FuzzOptions): Promise<Finding[]> => {
  const run = await begin(options);
  try {
    await goodRequests(run, "at the start");
    const deadline = Date.now() + options.minutes * 60_000;
    while (Date.now() < deadline) await untilDown(run, deadline);
    await lastLook(run);
    options.say(report(run));
    return run.findings.all();
  } finally {
    await run.target.kill();
    run.canary.close();
    discardTarget(run.target);
  }
};

const begin = async (options: FuzzOptions): Promise<Run> => {
  const canary = await openCanary();
  const target = await openTarget();
  const secrets = { canary: canary.secret, paths: [root, target.data] };
  return {
    options,
    chosen: doors.filter(({ name }) => options.only.length === 0 || options.only.includes(name)),
    canary,
    secrets,
    findings: collectFindings(options.keep, secrets, options.say),
    tallies: new Map(),
    inFlight: new Map(),
    next: 0,
    target,
    material: await materialOf(target, canary),
    healths: [],
  };
};

/** What good clients send is answered; else the other answers tell nothing. */
const goodRequests = async ({ chosen, material, target, secrets, findings }: Run, when: string): Promise<void> => {
  for (const door of chosen) {
    for (const step of door.good(material)) {
      const shot = { door: door.name, steps: [step] };
      const { wrong, answer } = await fire(shot, target.address, secrets);
      const refused = answer.status >= 300 || /^\{"(data":null,"|)errors"/.test(answer.body);
      if (wrong === null && !refused) continue;
      const signature = `${door.name}: a good request is refused ${when}: ${step.method} ${step.path.slice(0, 80)}`;
      findings.add({ signature, shots: [shot], answer });
    }
  }
};

/** Lets the workers shoot until the time is over or the platform is down, and brings that up again. */
const untilDown = async (run: Run, deadline: number): Promise<void> => {
  let down: string | null = null;
  const { health, stop } = watch(run.target, {
    onStall: (ms) => suspect(run, "stall", `/health/live took over a second`, `${Math.round(ms)} ms`),
    onHung: () => {
      down = "the platform answers no more";
    },
    onEnd: () => {
      down = "the platform ended";
    },
  });
  run.healths.push(health);
  const work = async (): Promise<void> => {
    while (down === null && Date.now() < deadline) await shoot(run);
  };
  const workers = Promise.all(Array.from({ length: concurrency }, work));
  const suspects = await Promise.race([
    workers.then(() => [] as Shot[]),
    // The requests that were under way are the ones to look at; their answers may never come.
    until("the platform is down", remaining(deadline), async () => down !== null).then(() => [
      ...run.inFlight.values(),
    ]),
  ]);
  stop();
  if (down === null) return;
  run.findings.add({ signature: `platform: ${down}`, shots: suspects });
  run.options.say(`${down}:\n${run.target.output().slice(-2000)}`);
  await workers;
  await bringUp(run, suspects);
};

/** The last answers may come after the deadline. */
const remaining = (deadline: number): number => Math.max(0, deadline - Date.now()) + 2 * answerWithinMs;

const suspect = (run: Run, kind: string, what: string, detail: string): void => {
  const shots = [...run.inFlight.values()];
  const names = [...new Set(shots.map(({ door }) => door))].sort().join(" ");
  run.findings.add({ signature: `platform: ${kind}: ${what}, while at: ${names}`, shots });
  run.options.say(`${what}: ${detail}, while at: ${names}`);
};

/** Starts the platform again on its data, or on new ones where it will not, and looks for the shot that ended it. */
const bringUp = async (run: Run, suspects: readonly Shot[]): Promise<void> => {
  await run.target.kill();
  try {
    run.target = await openTarget(run.target.data);
  } catch (error) {
    run.findings.add({ signature: "platform: it does not start again on its data", shots: suspects });
    run.options.say(`it does not start again: ${(error as Error).message.slice(-2000)}`);
    run.target = await openTarget();
    run.material = await materialOf(run.target, run.canary);
    return;
  }
  for (const shot of suspects) {
    const answered = fire(shot, run.target.address, run.secrets).catch(() => null);
    await Promise.race([answered, pause(5_000)]);
    if (await isLive(run.target)) continue;
    run.findings.add({ signature: `${shot.door}: this request alone ends or hangs the platform`, shots: [shot] });
    await run.target.kill();
    run.target = await openTarget(run.target.data);
  }
};

const isLive = async ({ address }: Target): Promise<boolean> => {
  try {
    return (await fetch(new URL("/health/live", address.platform), { signal: AbortSignal.timeout(10_000) })).ok;
  } catch {
    return false;
  }
};

const shoot = async (run: Run): Promise<void> => {
  const number = run.next++;
  const shot = aim(run, randomOf(run.options.seed * 1_000_003 + number));
  run.inFlight.set(number, shot);
  const { wrong, answer } = await fire(shot, run.target.address, run.secrets);
  run.inFlight.delete(number);
  count(run, shot, answer);
  for (const what of run.canary.sung()) {
    const named = [shot, ...run.inFlight.values()].filter(mentions(run.canary));
    run.findings.add({
      signature: `${named[0]?.door ?? shot.door}: ${what}`,
      shots: named.length > 0 ? named : [shot],
    });
  }
  if (wrong === null || (answer.failure !== null && (await isGoing(run.target)))) return;
  const finding = run.findings.add({ signature: signatureOf(shot, wrong, answer), shots: [shot], answer });
  const isSmallWork = finding.count === 1 && answer.failure === null && answer.ms < quickMs;
  if (isSmallWork && !wrong.startsWith("was not refused")) await run.findings.shrink(finding, shot, run.target.address);
};

/** A lost connection tells nothing when the platform is about to end: that is a fault of its own. */
const isGoing = async (target: Target): Promise<boolean> => {
  await pause(1_000);
  return !target.isAlive();
};

const mentions =
  ({ file, write, url }: Canary) =>
  ({ steps }: Shot): boolean => {
    const names = [file, write, url].flatMap((name) => [name, encodeURIComponent(name)]);
    return steps.some(
      (step) =>
        step.over === "http" &&
        names.some((name) => step.path.includes(name) || Buffer.from(step.body, "base64").includes(name)),
    );
  };

/** A shot of a door that is picked by weight; now and then one of its good requests, changed. */
const aim = ({ chosen, material }: Run, random: Random): Shot => {
  const door = pick(
    random,
    chosen.flatMap((each) => Array<Door>(each.weight).fill(each)),
  );
  const good = door.good(material);
  const steps =
    good.length > 0 && chance(random, 0.2) ? [changed(random, pick(random, good))] : door.shoot(random, material);
  return { door: door.name, steps };
};

const changed = (random: Random, step: HttpStep): HttpStep => {
  if (step.body !== "" && chance(random, 0.7)) {
    return { ...step, body: mutateBytes(random, Buffer.from(step.body, "base64")).toString("base64") };
  }
  // node:http refuses what no path may hold; bare sockets send that.
  const path = mutateText(random, step.path).replace(/[^\x21-\x7e]/g, (c) => encodeURIComponent(c.toWellFormed()));
  return { ...step, path: path.startsWith("/") ? path : `/${path}` };
};

const count = ({ tallies }: Run, { door }: Shot, { status, ms }: { status: number; ms: number }): void => {
  const tally = tallies.get(door) ?? { shots: 0, ok: 0, refused: 0, other: 0, slowestMs: 0 };
  tally.shots++;
  if (status >= 200 && status < 300) tally.ok++;
  else if (status >= 400 && status < 500) tally.refused++;
  else tally.other++;
  tally.slowestMs = Math.max(tally.slowestMs, ms);
  tallies.set(door, tally);
};

/** The platform still serves good clients, has a bounded memory, and ends when it is told to. */
const lastLook = async (run: Run): Promise<void> => {
  await goodRequests(run, "at the end");
  const { findings, target, healths } = run;
  const most = Math.max(...healths.flatMap(({ resident }) => resident));
  if (most > mostResidentBytes) findings.add({ signature: `platform: it held ${megabytes(most)} MB`, shots: [] });
  try {
    await until(
      "the platform is ready",
      30_000,
      async () => (await fetch(new URL("/health/ready", target.address.platform))).ok,
    );
  } catch (error) {
    findings.add({ signature: `platform: not ready in the end: ${(error as Error).message}`, shots: [] });
  }
  const restarts = target.output().match(/the embedded warehouse ended/g)?.length ?? 0;
  if (restarts > 0) findings.add({ signature: `platform: the warehouse ended ${restarts} times`, shots: [] });
  process.kill(target.pid, "SIGTERM");
  try {
    await until("the platform ends", endWithinMs, async () => !target.isAlive());
  } catch {
    findings.add({ signature: `platform: SIGTERM does not end it within ${endWithinMs / 1000} s`, shots: [] });
  }
};

const megabytes = (bytes: number): number => Math.round(bytes / 2 ** 20);

const report = ({ tallies, healths, findings, options }: Run): string => {
  const rows = [...tallies].map(([door, { shots, ok, refused, other, slowestMs }]) =>
    [door, shots, ok, refused, other, Math.round(slowestMs)].map(String),
  );
  const probes = healths.reduce((sum, { probes }) => sum + probes, 0);
  const stalls = healths.reduce((sum, { stalls }) => sum + stalls, 0);
  const worst = Math.max(...healths.map(({ worstMs }) => worstMs));
  const resident = healths.at(-1)?.resident ?? [0];
  return [
    table(["door", "shots", "2xx", "4xx", "other", "slowest, ms"], rows),
    `${options.minutes} minutes; /health/live: ${probes} probes, slowest ${Math.round(worst)} ms, ${stalls} over a second`,
    `memory of the tree: at most ${megabytes(Math.max(...resident))} MB, ${megabytes(slope(resident))} MB a minute in the second half`,
    ...findings.all().map(({ signature, count, file }) => `FINDING ${count} times: ${signature}\n  ${file}`),
  ].join("\n");
};
