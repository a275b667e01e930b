import { setTimeout as delay } from "node:timers/promises";
import { type Clock, uuidv7 } from "../infra/clock.ts";
import type { EventMetadata, EventStore, NewEvent, Position } from "../infra/event-store/port.ts";
import { isMillraceError, MillraceError } from "../schemas/errors.ts";
import { type Aggregate, type LifecycleEvent, streamName } from "../schemas/lifecycle.ts";
import { currentVersion } from "../schemas/upcasters.ts";
import type { Checks } from "./checks.ts";
import { type CommandDeadline, commandDeadlines, unknownOutcome } from "./deadline.ts";
import type { Actor, Gate } from "./gate.ts";
import { type CommandDefaults, versionIn } from "./handler.ts";
import { digestOf } from "./identity.ts";
import { keyedLock } from "./keyed-lock.ts";
import { type Logger, silentLogger } from "./log.ts";
import { project as projectDecider } from "./project/decider.ts";
import { keyedCommandId, keyedEventId, receipts } from "./receipts.ts";
import { checkEnvelope, identify, parsePayload, type Targeted } from "./request.ts";
import { type Fold, type Loaded, stateReader } from "./state-reader.ts";

export type CommandRequest = {
  type: string;
  project: string;
  payload: unknown;
  actor: Actor;
  /** A retry with the same key, type and payload answers as the first time. Up to 200 characters. */
  idempotencyKey?: string;
  /** Of the whole story that the command belongs to; the command's own id without it. */
  correlationId?: string;
  /** Of the event, record or message that led to the command; the events name it as their cause then. */
  causationId?: string;
  /** Kept in the events' metadata; a payload's own `reason` wins. */
  reason?: string;
};

export type CommandResult = {
  /** Of the aggregate; a model version's number is in `version`. */
  id: string;
  aggregate: Aggregate;
  stream: string;
  /** Of the stream's newest event. */
  revision: number;
  /** Wait for this position to read what was written. */
  position: Position;
  /** Types of the events that the command led to; none when the state was as asked already. */
  events: string[];
  /** True when an earlier try with this idempotency key has done it. */
  deduplicated: boolean;
  /** The number of the version or view that the command made. */
  version?: number;
};

export type CommandBus = { dispatch(request: CommandRequest): Promise<CommandResult> };

export type CommandBusDeps = {
  eventStore: EventStore;
  checks: Checks;
  gate: Gate;
  clock: Clock;
  newId?: () => string;
  logger?: Logger;
  defaults?: CommandDefaults;
  /** How long the event store may take for a command, milliseconds. */
  deadlineMs?: number;
  /** As `stateReader` takes it. */
  recheckMs?: number;
};

/** How often a command is decided anew when others change its stream, before CONFLICT. */
const MAX_ATTEMPTS = 8;

/**
 * The only way to change the platform: load, check, decide, append at the expected revision.
 * Commands to one stream run one after the other in this process, so that only other processes can interfere;
 * when they do, the command is decided anew, up to `MAX_ATTEMPTS` times.
 *
 * Errors: BAD_REQUEST, FORBIDDEN, NOT_FOUND, IDEMPOTENCY_CONFLICT, CONFLICT, ENGINE_UNAVAILABLE, those of a stream that
 * cannot be read (UNREADABLE_EVENT, UNKNOWN_EVENT, HISTORY_INCOMPLETE), and those of checks and deciders.
 */
export const commandBus = (deps: CommandBusDeps): CommandBus => {
  const { eventStore, checks, gate, clock } = deps;
  const newId = deps.newId ?? (() => uuidv7(clock()));
  const logger = deps.logger ?? silentLogger;
  const defaults = deps.defaults ?? { partitions: 4 };
  const reader = stateReader(eventStore, { recheckMs: deps.recheckMs });
  const keys = receipts(eventStore);
  const locked = keyedLock();
  const deadlines = commandDeadlines(deps.deadlineMs);
  const projects = new Set<string>();

  /** A project never ends, so one that was found is not asked for again. */
  const needProject = async (project: string): Promise<void> => {
    if (projects.has(project)) return;
    const { revision } = await reader.load(streamName("project", project, project), projectDecider as Fold);
    if (revision < 0n) throw new MillraceError("NOT_FOUND", `project "${project}" does not exist; create it first`);
    projects.add(project);
  };

  const metadataOf = (request: CommandRequest, { handler, id, payload }: Targeted): EventMetadata => {
    const { project, idempotencyKey: key } = request;
    const command = key === undefined ? newId() : keyedCommandId(project, key);
    const reason = (payload as { reason?: string }).reason || request.reason;
    return {
      $correlationId: request.correlationId ?? command,
      $causationId: request.causationId ?? command,
      actor: request.actor.id,
      project,
      aggregate: handler.aggregate,
      id,
      schemaVersion: 1,
      at: clock(),
      ...(reason ? { reason } : {}),
    };
  };

  const newEvents = (events: LifecycleEvent[], metadata: EventMetadata, key: string | undefined): NewEvent[] =>
    events.map(({ type, data }, i) => ({
      id: key === undefined ? newId() : keyedEventId(metadata.project, key, i),
      type,
      data,
      metadata: { ...metadata, schemaVersion: currentVersion(type) },
    }));

  /** One try. Null when another process has changed the stream meanwhile. */
  const attempt = async (
    request: CommandRequest,
    target: Targeted,
    deadline: CommandDeadline,
  ): Promise<CommandResult | null> => {
    const { handler, payload, id, stream } = target;
    const { project, idempotencyKey: key } = request;
    const command = key === undefined ? "" : digestOf([request.type, payload]);
    const answer = (at: Pick<Loaded, "revision" | "position">, events: readonly { type: string; data: unknown }[]) => ({
      id,
      aggregate: handler.aggregate,
      stream,
      revision: Number(at.revision),
      position: at.position,
      events: events.map(({ type }) => type),
      deduplicated: false,
      version: versionIn(events),
    });

    const [isRetry, loaded] = await Promise.all([
      key !== undefined && keys.usedBefore(project, key, command),
      reader.load(stream, handler),
    ]);
    if (key !== undefined && isRetry) {
      const written = await keys.written(stream, project, key);
      if (written.length > 0) return { ...answer(written[written.length - 1], written), deduplicated: true };
    }
    const context = { project, id, state: loaded.state, checks, defaults };
    const decision = () => ({ now: clock(), actor: request.actor.id, admin: request.actor.admin });
    const { events, version } = await deadline.outside(() => handler.decide(payload, context, decision));
    if (events.length === 0) return { ...answer(loaded, events), version };

    const metadata = metadataOf(request, target);
    deadline.beforeWriting();
    if (key !== undefined) await keys.take(project, key, command, metadata);
    deadline.beforeWriting();
    const expected = loaded.revision < 0n ? "no-stream" : loaded.revision;
    try {
      const appended = await eventStore.append(stream, newEvents(events, metadata, key), expected);
      return { ...answer(appended, events), deduplicated: appended.deduplicated };
    } catch (error) {
      if (isMillraceError(error, "WRONG_EXPECTED_REVISION")) {
        if (Number(error.details.actual) < loaded.revision || error.details.actual === "no-stream")
          reader.forget(stream);
        return null;
      }
      if (isMillraceError(error, "ENGINE_UNAVAILABLE")) throw unknownOutcome(error.message, error);
      throw error;
    }
  };

  const decideUntilWritten = async (
    request: CommandRequest,
    target: Targeted,
    deadline: CommandDeadline,
  ): Promise<CommandResult> => {
    for (let tries = 1; tries <= MAX_ATTEMPTS; tries++) {
      const result = await attempt(request, target, deadline);
      if (result !== null) return result;
      logger.info({ stream: target.stream, command: request.type, tries }, "the stream was changed; deciding anew");
      // Two processes that write in step would otherwise meet at every try: the same one always wins.
      await delay(2 ** tries);
    }
    throw new MillraceError(
      "CONFLICT",
      `${target.stream} was changed by others at each of ${MAX_ATTEMPTS} tries of ${request.type}; try again`,
    );
  };

  return {
    async dispatch(request) {
      const handler = checkEnvelope(request);
      return deadlines.within(request.type, async (deadline) => {
        await gate.authorize(request.actor, request.type, request.project);
        const target = identify(request, handler, parsePayload(request), newId);
        const turns = handler.serial === "platform" ? "platform" : `project ${request.project}`;
        deadline.waitsFor = handler.serial === null ? [target.stream] : [target.stream, turns];
        if (request.type !== "CreateProject") await needProject(request.project);
        const run = () => locked(target.stream, () => decideUntilWritten(request, target, deadline));
        return handler.serial === null ? run() : locked(turns, run);
      });
    },
  };
};
