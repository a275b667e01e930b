import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { copyFolder } from "./copy.ts";
import { type Kind, type Round, working } from "./kind.ts";
import { fallBack, type Mark, markOf } from "./ledger.ts";
import { moment } from "./moment.ts";
import { cutPower, walPlace } from "./power-cut.ts";
import { settled } from "./settle.ts";
import { alive, busy, declared, ended, killed, type World } from "./world.ts";
import { beginAnew } from "./writers.ts";

const database = ({ data }: World): string => join(data, "millrace.db");

const removeLog = (world: World): void => {
  for (const end of ["", "-wal", "-shm"]) rmSync(database(world) + end, { force: true });
};

const backwards = (world: World, mark: Mark): void => {
  fallBack(world.ledger, mark);
  beginAnew(world.writers);
};

/** Some work that ends with the platform: the moment of a backup, or of what comes after it. */
const worked = async (round: Round, longestMs: number): Promise<string[]> => {
  const { refusals, rest } = await working(round, longestMs);
  await rest();
  return [...refusals, ...(await ended(round.world))];
};

/** Records may lose their newest calls, in order; a command that was acknowledged may not be lost. */
export const powerCut: Kind["disturb"] = async (round) => {
  const { world, random, note } = round;
  const first = await working(round, 1500);
  await first.rest();
  const synced = walPlace(database(world));
  const { held } = world.ledger;
  // Commands sync the log: from here on there are records alone, which do not.
  const clients = await busy({ ...world, writers: [] });
  await moment(100 + random() * 1500);
  if (random() < 0.5) {
    // The nastier half: the warehouse has rows of records that the log will not have.
    await clients.rest();
    await settled(first.life, world.ledger);
    note("the warehouse was up to date");
  }
  await killed(world);
  await clients.rest();
  const { lost, of } = cutPower(database(world), synced, random());
  note(`${lost} of ${of} frames lost`);
  world.ledger.leastHeld = held;
  return [...first.refusals, ...clients.refusals];
};

/** As docs/operations.md says: the log comes from a backup, all else stays. */
export const restoredLog: Kind["disturb"] = async (round) => {
  const { world, note } = round;
  const { ledger } = world;
  const backup = `${database(world)}.backup`;
  const wrong = await worked(round, 1500);
  cpSync(database(world), backup);
  const mark = markOf(ledger);
  wrong.push(...(await worked(round, 3000)));
  removeLog(world);
  cpSync(backup, database(world));
  rmSync(backup);
  note(`${ledger.held - mark.held} calls, ${ledger.commands.length - mark.commands} commands newer than the backup`);
  backwards(world, mark);
  return wrong;
};

/** The warehouse is older than the log: what a power cut makes of it, or a backup of one folder. */
export const olderWarehouse: Kind["disturb"] = async (round) => {
  const warehouse = join(round.world.data, "warehouse");
  const backup = `${warehouse}.backup`;
  const wrong = await worked(round, 1500);
  copyFolder(warehouse, backup);
  wrong.push(...(await worked(round, 3000)));
  rmSync(warehouse, { recursive: true });
  copyFolder(backup, warehouse);
  rmSync(backup, { recursive: true });
  return wrong;
};

/** The log is gone and the warehouse is full: what was derived from the old log may not be shown as of the new one. */
export const lostLog: Kind["disturb"] = async (round) => {
  const { world } = round;
  const wrong = await worked(round, 3000);
  removeLog(world);
  backwards(world, { held: 0, commands: 0, points: 0 });
  await declared(await alive(world));
  return wrong;
};
