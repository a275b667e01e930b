import { type Clock, uuidv7 } from "../infra/clock.ts";
import type { EventStore } from "../infra/event-store/port.ts";
import { type AccessDenied, accessDenied, denialStream, platformProject } from "../schemas/denials.ts";
import type { Role } from "../schemas/lifecycle/project.ts";
import { streamName } from "../schemas/lifecycle.ts";
import { type Logger, silentLogger } from "./log.ts";

export type Denial = { actor: string; action: string; project: string; neededRole: Role | null };

export type DenialLog = {
  /** Resolves when the refusal is stored, or counted for an event that will be. Never rejects. */
  record(denial: Denial): Promise<void>;
  /** Stores what is still only counted. */
  close(): Promise<void>;
};

export type DenialLogOptions = { eventStore: EventStore; clock: Clock; logger?: Logger; windowMs?: number };

const MINUTE = 60_000;
/** Actors' actions that are told apart at a time; what is beyond is counted as `*` of its project. */
const MAX_TOLD_APART = 1_000;

type Placed = Denial & { asked: string | null };
type Held = { denial: Placed; since: number; count: number; from: number; to: number };

const keyOf = ({ project, actor, action }: Placed): string => JSON.stringify([project, actor, action]);

/**
 * Refusals as events, so that the audit has them. The first of an actor's action is stored at once; others within the
 * minute are counted and stored as one when it is over, so that asking in vain cannot fill the store. A crash loses at
 * most the count of the last minute.
 */
export const denialLog = (options: DenialLogOptions): DenialLog => {
  const { eventStore, clock, logger = silentLogger, windowMs = MINUTE } = options;
  const held = new Map<string, Held>();
  let timer: NodeJS.Timeout | null = null;
  let closed = false;

  const exists = async (project: string): Promise<boolean> => {
    for await (const _ of eventStore.readStream(streamName("project", project, project))) return true;
    return false;
  };

  /** Names of projects that do not exist are the asker's to invent, so they are not told apart. */
  const placed = async (denial: Denial): Promise<Placed> => {
    const known = await exists(denial.project).catch(() => false);
    return known
      ? { ...denial, asked: null }
      : { ...denial, project: platformProject, asked: denial.project.slice(0, 200) };
  };

  const store = async ({ denial, count, from, to }: Held): Promise<void> => {
    const { actor, action, project, neededRole, asked } = denial;
    try {
      const data: AccessDenied = { action, neededRole, count, from, to, asked };
      const at = clock();
      const correlation = uuidv7(at);
      const metadata = { $correlationId: correlation, $causationId: correlation, actor, project, schemaVersion: 1, at };
      const event = { id: uuidv7(at), type: accessDenied, data, metadata };
      await eventStore.append(denialStream(project, actor), [event], "any");
    } catch (error) {
      logger.error({ err: error, actor, action, count }, "a refusal could not be stored for the audit");
    }
  };

  const flush = async (isOver: (one: Held) => boolean): Promise<void> => {
    const over = [...held].filter(([, one]) => isOver(one));
    for (const [key] of over) held.delete(key);
    await Promise.all(over.map(([, one]) => (one.count > 0 ? store(one) : undefined)));
    if (held.size > 0 && !closed) arm();
  };

  const arm = (): void => {
    timer ??= setTimeout(() => {
      timer = null;
      void flush(({ since }) => clock() - since >= windowMs);
    }, windowMs).unref();
  };

  const nothingYet = (denial: Placed, now: number): Held => ({
    denial,
    since: now,
    count: 0,
    from: now,
    to: now,
  });

  return {
    async record(denial) {
      const now = clock();
      let told = await placed(denial);
      let key = keyOf(told);
      if (!held.has(key) && held.size >= MAX_TOLD_APART) {
        told = { ...told, project: platformProject, actor: "*", action: "*" };
        key = keyOf(told);
      }
      const known = held.get(key);
      if (known !== undefined && now - known.since < windowMs) {
        if (known.count === 0) known.from = now;
        known.count++;
        known.to = now;
        return;
      }
      const begun = nothingYet(told, now);
      held.set(key, begun);
      arm();
      if (known !== undefined && known.count > 0) await store(known);
      await store({ ...begun, count: 1 });
    },
    async close() {
      closed = true;
      if (timer !== null) clearTimeout(timer);
      await flush(() => true);
    },
  };
};
