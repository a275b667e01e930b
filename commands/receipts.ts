import type { EventMetadata, EventStore, StoredEvent } from "../infra/event-store/port.ts";
import { isMillraceError, MillraceError } from "../schemas/errors.ts";
import { auxiliaryStreams } from "../schemas/own-streams.ts";
import { uuidv5 } from "./identity.ts";

/** What an idempotency key was first used for: the digest of command type and payload. */
type Receipt = { command: string };

/** Ids of the events that a command with this key leads to: the same at every try. */
export const keyedEventId = (project: string, key: string, index: number): string =>
  uuidv5(`${project}\n${key}\n${index}`);

/** Id of the command itself, which its events name as their cause: the same at every try. */
export const keyedCommandId = (project: string, key: string): string => uuidv5(`${project}\n${key}\ncommand`);

const receiptStream = (project: string, key: string): string =>
  `${auxiliaryStreams.receipts}${project}/${uuidv5(`${project}\n${key}`)}`;

/**
 * Receipts of idempotency keys, each the only event of a stream of its own (not an aggregate's, so projections
 * never see it). It is written just before the command's events: when the process dies in between, the next try
 * finds the receipt, does not find the events, and goes on.
 */
export const receipts = (eventStore: EventStore) => {
  const find = async (project: string, key: string): Promise<Receipt | null> => {
    for await (const event of eventStore.readStream(receiptStream(project, key))) return event.data as Receipt;
    return null;
  };

  /** True when the key was used for this command before. IDEMPOTENCY_CONFLICT when for another. */
  const usedBefore = async (project: string, key: string, command: string): Promise<boolean> => {
    const receipt = await find(project, key);
    if (receipt === null) return false;
    if (receipt.command === command) return true;
    throw new MillraceError(
      "IDEMPOTENCY_CONFLICT",
      `the idempotency key "${key}" was used for another command in project "${project}"; use a new key`,
      { details: { key } },
    );
  };

  return {
    usedBefore,

    /** Takes the key for a command. IDEMPOTENCY_CONFLICT when another command was faster. */
    async take(project: string, key: string, command: string, metadata: EventMetadata): Promise<void> {
      const id = uuidv5(`${project}\n${key}\n${command}`);
      const receipt = { id, type: "IdempotencyKeyUsed", data: { command } satisfies Receipt, metadata };
      try {
        await eventStore.append(receiptStream(project, key), [receipt], "no-stream");
      } catch (error) {
        if (!isMillraceError(error, "WRONG_EXPECTED_REVISION")) throw error;
        await usedBefore(project, key, command);
      }
    },

    /** The events that an earlier try has written to the stream; none when it did not get that far. */
    async written(stream: string, project: string, key: string): Promise<StoredEvent[]> {
      const found: StoredEvent[] = [];
      for await (const event of eventStore.readStream(stream)) {
        if (event.id === keyedEventId(project, key, found.length)) found.push(event);
        else if (found.length > 0) break;
      }
      return found;
    },
  };
};
