import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import type { EventStore, Position, StoredEvent } from "../../infra/event-store/port.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import type { EventSourceDefinition, EventSourceEvent } from "../../schemas/lifecycle/event-source.ts";
import { parseStreamName } from "../../schemas/lifecycle.ts";
import { upcast } from "../../schemas/upcasters.ts";

/** The event source behind a topic, as of a revision of its stream. */
export type TopicOwner = {
  project: string;
  source: string;
  definition: EventSourceDefinition;
  archived: boolean;
  revision: bigint;
};

export type TopicCatalog = {
  /** null where no event source has this topic, also not one that was created a moment ago. */
  find(topic: string): Promise<TopicOwner | null>;
  close(): Promise<void>;
};

const PREFIXES = ["event-source-"];
const RETRY_MS = 1000;

/** Which event source owns a topic, folded from the log and kept up to date by subscription. */
export const topicCatalog = (eventStore: EventStore, logger: Logger): TopicCatalog => {
  const byTopic = new Map<string, TopicOwner>();
  const byStream = new Map<string, TopicOwner>();
  const closing = new AbortController();
  let after: Position | undefined;

  const fold = (stored: StoredEvent): void => {
    const name = parseStreamName(stored.stream);
    if (name === null) return;
    const data = upcast(stored.type, stored.metadata.schemaVersion, stored.data);
    const event = { type: stored.type, data } as EventSourceEvent;
    const before = byStream.get(stored.stream);
    const { revision } = stored;
    if (before !== undefined && before.revision >= revision) return;
    const next: TopicOwner | undefined =
      event.type === "EventSourceCreated"
        ? { project: name.project, source: name.id, definition: event.data, archived: false, revision }
        : before === undefined
          ? undefined
          : event.type === "EventSourceSchemaChanged"
            ? { ...before, revision, definition: { ...before.definition, ...event.data } }
            : { ...before, revision, archived: event.type === "EventSourceArchived" || before.archived };
    if (next === undefined) return;
    byStream.set(stored.stream, next);
    byTopic.set(next.definition.topic, next);
  };

  const follow = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      try {
        for await (const message of eventStore.subscribe({ after, prefixes: PREFIXES, signal: closing.signal })) {
          if (message.type !== "event") continue;
          fold(message.event);
          after = message.event.position;
        }
      } catch (error) {
        if (closing.signal.aborted || isMillraceError(error, "CLOSED")) return;
        logger.error({ err: error }, "the catalog of topics lost its subscription and tries again");
      }
      await delay(RETRY_MS, undefined, { signal: closing.signal, ref: false }).catch(() => {});
    }
  };
  const following = follow();

  return {
    async find(topic) {
      const known = byTopic.get(topic);
      if (known !== undefined) return known;
      // The subscription may be a moment behind a source that was just created.
      for await (const event of eventStore.readAll({ after, prefixes: PREFIXES })) fold(event);
      return byTopic.get(topic) ?? null;
    },
    async close() {
      closing.abort();
      await following;
    },
  };
};
