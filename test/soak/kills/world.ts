import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setUp } from "../../e2e/flights.ts";
import { checked } from "./checks.ts";
import { copyFolder } from "./copy.ts";
import { feed, held } from "./feeder.ts";
import { type Ledger, newLedger, takeOver } from "./ledger.ts";
import { type Life, live } from "./life.ts";
import { moment } from "./moment.ts";
import { settled } from "./settle.ts";
import { newWriters, setUpExperiment, type Writer, write } from "./writers.ts";

const writersOfWorld = 4;

/** A platform's data and what its clients know of it, over many lives; `life` is the one that runs. */
export type World = { data: string; ledger: Ledger; writers: Writer[]; life: Life | null };

/** A live platform with its clients at work. */
export type Busy = {
  life: Life;
  /** What was refused that should not have been. */
  refusals: string[];
  /** Ends the clients' work; resolves when their last requests have been answered or lost. */
  rest(): Promise<void>;
};

export const newWorld = (): World => ({
  data: mkdtempSync(join(tmpdir(), "millrace-soak-")),
  ledger: newLedger(),
  writers: newWriters(writersOfWorld),
  life: null,
});

/** The platform that runs on the world's data, started where none does. */
export const alive = async (world: World): Promise<Life> => {
  world.life ??= await live(world.data);
  return world.life;
};

/** Ends the platform as an operator does, where one runs. Answers what was wrong with that. */
export const ended = async (world: World): Promise<string[]> => {
  const wrong = (await world.life?.stop()) ?? null;
  world.life = null;
  return wrong === null ? [] : [wrong];
};

/** Ends the platform and its children at one moment, where one runs. */
export const killed = async (world: World): Promise<void> => {
  await world.life?.kill();
  world.life = null;
};

/** All that the clients need is declared; giving the commands again changes nothing. */
export const declared = async ({ client }: Life): Promise<void> => {
  await setUp(client);
  await setUpExperiment(client);
};

/** Lets the clients work. First they ask what became of the records whose answer was lost. */
export const busy = async (world: World): Promise<Busy> => {
  const { ledger, writers } = world;
  const life = await alive(world);
  const refusals: string[] = [];
  const onRefusal = (what: string): void => {
    refusals.push(what);
  };
  const wrong = takeOver(ledger, await held(life.url, ledger));
  if (wrong !== null) refusals.push(wrong);
  const work = [feed(life.url, ledger, onRefusal), write(life.client, ledger, writers, onRefusal)];
  return {
    life,
    refusals,
    rest: async () => {
      for (const { stop } of work) stop();
      await Promise.all(work.map(({ done }) => done));
    },
  };
};

/** Lets all settle, and looks at everything. Answers what is wrong. */
export const lookedAt = async (world: World): Promise<string[]> => {
  // Whatever was lost with its answer is asked for, and given again.
  const { life, rest, refusals } = await busy(world);
  await moment(500);
  await rest();
  const findings = [...refusals, ...(await settled(life, world.ledger))];
  return findings.length > 0 ? findings : checked(life, world.ledger);
};

/** Keeps the data of a failing round under its own name; answers where. */
export const keep = async (world: World, folder: string, name: string): Promise<string> => {
  const output = world.life?.output() ?? "";
  await killed(world);
  const { data } = world;
  mkdirSync(folder, { recursive: true });
  const kept = join(folder, name);
  rmSync(kept, { recursive: true, force: true });
  try {
    renameSync(data, kept);
  } catch {
    // Another file system.
    copyFolder(data, kept);
    rmSync(data, { recursive: true, force: true });
  }
  writeFileSync(join(kept, "output.log"), output);
  return kept;
};

/** Its data goes with it. */
export const discard = ({ data }: World): void =>
  rmSync(data, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
