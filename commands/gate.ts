import { setTimeout as delay } from "node:timers/promises";
import type { EventStore, Position, StoredEvent } from "../infra/event-store/port.ts";
import { isMillraceError, MillraceError } from "../schemas/errors.ts";
import type { ProjectEvent, Role } from "../schemas/lifecycle/project.ts";
import { parseStreamName, streamName } from "../schemas/lifecycle.ts";
import { upcast } from "../schemas/upcasters.ts";
import type { DenialLog } from "./denials.ts";
import { type Logger, silentLogger } from "./log.ts";

/** Who issues a command or a query. An `admin` is an administrator of the whole platform. */
export type Actor = { readonly id: string; readonly kind: "user" | "service" | "local"; readonly admin: boolean };

/** The embedded default until users exist: whoever reaches the local address. */
export const localAdmin: Actor = { id: "local-admin", kind: "local", admin: true };

/** A part of the platform itself that issues commands: a reactor, a training worker. */
export const serviceActor = (id: string): Actor => ({ id, kind: "service", admin: true });

/** The one place that says who may do what. Actions are command types, `produce`, and `query:<name>` for reads. */
export type Gate = {
  /** Resolves when allowed. FORBIDDEN, naming the role that is needed. */
  authorize(actor: Actor, action: string, project: string): Promise<void>;
};

export type MemberGate = Gate & {
  /** Refusals since the start, by action. */
  denials(): ReadonlyMap<string, number>;
  close(): Promise<void>;
};

const adminActions: ReadonlySet<string> = new Set([
  "RenameProject",
  "GrantRole",
  "RevokeRole",
  "SetPolicy",
  "RemovePolicy",
]);

/** The least role that may do it; null where only a platform administrator may. */
export const neededRole = (action: string): Role | null => {
  if (action === "CreateProject" || action === "rebuild") return null;
  if (adminActions.has(action)) return "Admin";
  return action.startsWith("query:") ? "Regular_User" : "Data_Scientist";
};

const rank: Record<Role, number> = { Regular_User: 1, Data_Scientist: 2, Admin: 3 };

type Members = ReadonlyMap<string, Role>;

const nobody: Members = new Map();

const fold = (members: Members, stored: StoredEvent): Members => {
  const data = upcast(stored.type, stored.metadata.schemaVersion, stored.data);
  const event = { type: stored.type, data } as ProjectEvent;
  if (event.type !== "MemberGranted" && event.type !== "MemberRevoked") return members;
  const next = new Map(members);
  if (event.type === "MemberGranted") next.set(event.data.member, event.data.role);
  else next.delete(event.data.member);
  return next;
};

/**
 * The gate over the members in project streams. Grants are followed by subscription; a refusal is only spoken
 * after the project's stream itself was read, so that a grant holds from the moment it was answered.
 * Refusals are told to `denials`, for the audit, which the gate closes with itself.
 * A revocation holds as soon as the subscription has delivered it; while that is down every decision reads the stream.
 */
export const gate = (eventStore: EventStore, options: { logger?: Logger; denials?: DenialLog } = {}): MemberGate => {
  const logger = options.logger ?? silentLogger;
  const closing = new AbortController();
  const members = new Map<string, Members>();
  const denied = new Map<string, number>();
  let live = false;

  const follow = async (): Promise<void> => {
    let after: Position | undefined;
    while (!closing.signal.aborted) {
      try {
        for await (const message of eventStore.subscribe({ after, prefixes: ["project-"], signal: closing.signal })) {
          if (message.type === "caughtUp") {
            live = true;
            continue;
          }
          if (message.type === "skipped") {
            after = message.position;
            continue;
          }
          const project = parseStreamName(message.event.stream)?.project;
          if (project !== undefined) members.set(project, fold(members.get(project) ?? nobody, message.event));
          after = message.event.position;
        }
      } catch (error) {
        if (closing.signal.aborted || isMillraceError(error, "CLOSED")) return;
        logger.error({ err: error }, "the gate lost its subscription and reads streams until it is back");
      } finally {
        live = false;
      }
      await delay(1000, undefined, { signal: closing.signal, ref: false }).catch(() => {});
    }
  };
  const following = follow();

  const read = async (project: string): Promise<Members> => {
    let state = nobody;
    for await (const event of eventStore.readStream(streamName("project", project, project)))
      state = fold(state, event);
    return state;
  };

  const allows = (state: Members | undefined, actor: Actor, needed: Role): boolean => {
    const role = state?.get(actor.id);
    return role !== undefined && rank[role] >= rank[needed];
  };

  return {
    async authorize(actor, action, project) {
      if (actor.admin) return;
      const needed = neededRole(action);
      if (needed !== null) {
        if (live && allows(members.get(project), actor, needed)) return;
        if (allows(await read(project), actor, needed)) return;
      }
      denied.set(action, (denied.get(action) ?? 0) + 1);
      logger.warn({ actor: actor.id, action, project, needed }, "denied");
      await options.denials?.record({ actor: actor.id, action, project, neededRole: needed });
      const who = needed === null ? "an administrator of the platform" : `the role ${needed} in project "${project}"`;
      throw new MillraceError("FORBIDDEN", `"${actor.id}" may not ${action}: it needs ${who}`, {
        details: { action, project, neededRole: needed },
      });
    },
    denials: () => denied,
    async close() {
      closing.abort();
      await following;
      await options.denials?.close();
    },
  };
};
