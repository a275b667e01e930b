import { setImmediate as nextTurn } from "node:timers/promises";
import { comparePositions, type EventStore, type Position, type StoredEvent } from "../infra/event-store/port.ts";

/**
 * Events in order, cut where the reader was ready for them. `position` is that of the newest event handled with it,
 * which may be one that was skipped.
 */
export type EventBatch = {
  events: readonly StoredEvent[];
  position: Position;
  caughtUp: boolean;
  /** Streams that something was left out of. */
  skipped: readonly string[];
};

export type EventBatchOptions = {
  /** Exclusive. */
  after: Position;
  signal: AbortSignal;
  /** Most events of a batch, and of what waits for the reader. */
  maxEvents: number;
  /** How long a live event waits for company; 0 takes what this turn of the event loop brought. */
  lingerMs: number;
  /** As `EventStore.subscribe` takes it. */
  verbatim?: boolean;
};

/**
 * A subscription in batches: while the reader works on one, the next gathers, up to `maxEvents`; then the
 * subscription itself is held back. The first batch with `caughtUp` may be empty. Ends when the signal aborts.
 */
export async function* eventBatches(eventStore: EventStore, options: EventBatchOptions): AsyncGenerator<EventBatch> {
  const { maxEvents, lingerMs } = options;
  // A signal of its own: the state of a composite one is dear to ask for, and it is asked for with every event.
  const stop = new AbortController();
  const { signal } = stop;
  let waiting: StoredEvent[] = [];
  let position = options.after;
  let skippedTo = options.after;
  const skipped = new Set<string>();
  let caughtUp = false;
  let ended = false;
  let failure: unknown;
  let wakeReader = (): void => {};
  let wakePump = (): void => {};

  const pump = async (): Promise<void> => {
    try {
      for await (const message of eventStore.subscribe({ after: options.after, signal, verbatim: options.verbatim })) {
        if (message.type === "caughtUp") caughtUp = true;
        else if (message.type === "skipped") {
          skippedTo = message.position;
          skipped.add(message.stream);
        } else waiting.push(message.event);
        if (waiting.length === 1 || waiting.length >= maxEvents || message.type !== "event") wakeReader();
        while (waiting.length >= maxEvents && !signal.aborted) {
          await new Promise<void>((resolve) => {
            wakePump = resolve;
          });
        }
        if (signal.aborted) break;
      }
    } catch (error) {
      if (!signal.aborted) failure = error;
    } finally {
      ended = true;
      wakeReader();
    }
  };
  const onAbort = (): void => {
    stop.abort();
    wakeReader();
    wakePump();
  };
  options.signal.addEventListener("abort", onAbort);
  if (options.signal.aborted) onAbort();
  const pumping = pump();

  const woken = (timeoutMs?: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = timeoutMs === undefined ? undefined : setTimeout(resolve, timeoutMs);
      wakeReader = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  let told = false;
  const isEmpty = (): boolean => waiting.length === 0 && comparePositions(skippedTo, position) <= 0;
  const isFull = (): boolean => waiting.length >= maxEvents || ended || signal.aborted || (caughtUp && !told);
  try {
    while (!signal.aborted) {
      while (isEmpty() && !ended && !signal.aborted && (told || !caughtUp)) await woken();
      if (lingerMs === 0) await nextTurn();
      else {
        const until = performance.now() + lingerMs;
        for (let left = lingerMs; left > 0 && !isFull(); left = until - performance.now()) await woken(left);
      }
      if (signal.aborted) break;
      if (!isEmpty() || (caughtUp && !told)) {
        const events = waiting;
        waiting = [];
        wakePump();
        if (events.length > 0) position = events[events.length - 1].position;
        if (comparePositions(skippedTo, position) > 0) position = skippedTo;
        told = caughtUp;
        const batch = { events, position, caughtUp, skipped: [...skipped] };
        skipped.clear();
        yield batch;
      } else if (ended) break;
    }
    if (failure !== undefined) throw failure;
  } finally {
    options.signal.removeEventListener("abort", onAbort);
    onAbort();
    await pumping;
  }
}
