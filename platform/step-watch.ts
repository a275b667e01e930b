/**
 * A board between a thread and the main one: how often the thread's event loop has turned, and which task's step it is
 * in. A thread that stands still can tell nothing else, and is asked nothing.
 */
export type StepBoard = SharedArrayBuffer;

const headBytes = 8;
const boardBytes = 512;
const beats = 0;
const nameBytes = 1;

export const stepBoard = (): StepBoard => new SharedArrayBuffer(boardBytes);

/** The thread's side: `beat` now and then from its event loop, `at` before a step (null after it). */
export const stepTeller = (board: StepBoard): { beat(): void; at(task: string | null): void } => {
  const head = new Int32Array(board, 0, 2);
  const name = Buffer.from(board, headBytes);
  return {
    beat: () => {
      Atomics.add(head, beats, 1);
    },
    at: (task) => {
      // One step after the other may leave the event loop no turn.
      Atomics.add(head, beats, 1);
      Atomics.store(head, nameBytes, task === null ? 0 : name.write(task));
    },
  };
};

/** How often the thread beats, and the main one looks, within the time that a step may hold the thread. */
export const looksPerTimeout = 20;

/**
 * Calls back, once, with the task whose step has held the thread for so many milliseconds in which this thread was
 * alive: a machine that slept is no task's fault. Answers how to stop watching.
 */
export const watchSteps = (board: StepBoard, timeoutMs: number, onStall: (task: string) => void): (() => void) => {
  const head = new Int32Array(board, 0, 2);
  let seen = -1;
  let still = 0;
  const timer = setInterval(() => {
    const beat = Atomics.load(head, beats);
    const length = Atomics.load(head, nameBytes);
    still = beat === seen && length > 0 ? still + 1 : 0;
    seen = beat;
    if (still < looksPerTimeout) return;
    clearInterval(timer);
    onStall(Buffer.from(board, headBytes, length).toString());
  }, timeoutMs / looksPerTimeout);
  return () => clearInterval(timer);
};
