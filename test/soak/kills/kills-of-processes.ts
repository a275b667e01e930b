import { setUp } from "../../e2e/flights.ts";
import { until } from "../../e2e/platform.ts";
import { isConnectionLost } from "../../e2e/producer.ts";
import { isAlive, killTree, signal, treeOf, warehouseOf } from "../../support/processes.ts";
import { type Kind, working } from "./kind.ts";
import { type Life, spawnLife } from "./life.ts";
import { moment } from "./moment.ts";
import { alive, declared, discard, ended, killed, newWorld } from "./world.ts";

const orphansEndWithinMs = 20_000;

export const killAll: Kind["disturb"] = async (round) => {
  const { refusals, rest } = await working(round);
  await killed(round.world);
  await rest();
  return refusals;
};

/** Its children are left behind. Half of the time the next start does not wait for their end. */
export const killMain: Kind["disturb"] = async (round) => {
  const { life, refusals, rest } = await working(round);
  const children = treeOf(life.pid).slice(1);
  signal([life.pid], "SIGKILL");
  round.world.life = null;
  await rest();
  if (round.random() < 0.5) return refusals;
  round.note("waited for the children's end");
  const left = (): number[] => children.filter(isAlive);
  try {
    await until("the children have ended", orphansEndWithinMs, async () => left().length === 0);
    return refusals;
  } catch {
    const named = left().length;
    signal(left(), "SIGKILL");
    return [...refusals, `${named} children live on ${orphansEndWithinMs / 1000} s after their parent`];
  }
};

/** The platform lives on, and has to go on by itself. */
export const killWarehouse: Kind["disturb"] = async (round) => {
  const { life, refusals, rest } = await working(round);
  for (let times = 1 + Math.floor(round.random() * 3); times > 0; times--) {
    const child = warehouseOf(life.pid);
    if (child !== null) signal([child], "SIGKILL");
    await moment(round.random() * 1500);
  }
  await rest();
  return refusals;
};

export const killAtStart: Kind["disturb"] = async ({ world, random, note }) => {
  await killed(world);
  const times = 1 + Math.floor(random() * 3);
  for (let i = 0; i < times; i++) {
    const infant = spawnLife(world.data);
    await moment(random() * 3000);
    killTree(infant.child.pid as number);
    await infant.ended;
  }
  note(`${times} times`);
  return [];
};

/** A world of its own takes the place of the other. It is killed while it is declared, and then declared to the end. */
export const killInSetUp: Kind["disturb"] = async ({ world, random }) => {
  const wrong = await ended(world);
  discard(world);
  Object.assign(world, newWorld());
  const given = setUp((await alive(world)).client).catch((error: unknown) => error);
  await moment(random() * 800);
  await killed(world);
  const error = await given;
  if (error !== undefined && !isConnectionLost(error)) return [...wrong, `in set-up: ${error}`];
  await declared(await alive(world));
  return wrong;
};

/** It stands still for 2 to 20 seconds, and goes on. */
export const standStill =
  (pidsOf: (life: Life) => number[]): Kind["disturb"] =>
  async (round) => {
    const { life, refusals, rest } = await working(round);
    const pids = pidsOf(life);
    const pauseMs = 2000 + round.random() * 18_000;
    signal(pids, "SIGSTOP");
    await moment(pauseMs);
    signal(pids, "SIGCONT");
    await moment(round.random() * 1000);
    await rest();
    round.note(`${(pauseMs / 1000).toFixed(1)} s`);
    return refusals;
  };
