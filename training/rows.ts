import type { TrainingMatrix } from "../ml/boosting/types.ts";
import { MillraceError } from "../schemas/errors.ts";

/** Rows of a training set while it is built, in typed arrays that grow; their labels come later or never. */
export type LabelledRows = {
  readonly count: number;
  readonly labelled: number;
  /** Where the next row's values begin in `values`, which may be a new array after the call. */
  next(time: number, key: string): number;
  values: Float32Array;
  time(row: number): number;
  key(row: number): string;
  /** NaN while it has none. */
  labelOf(row: number): number;
  /** A value that is no finite float32 teaches nothing: the row stays without a label. */
  label(row: number, value: number): void;
  /**
   * The rows that have a label, ordered by event time, then key, then the order in which they came; as one matrix in
   * shared memory, which trainer threads use in place.
   */
  matrix(columns: string[]): { matrix: TrainingMatrix; times: Float64Array };
};

export const labelledRows = (width: number): LabelledRows => {
  let times = new Float64Array(1024);
  let labels = new Float32Array(1024);
  const keys: string[] = [];
  let labelled = 0;

  const grow = (): void => {
    const capacity = times.length * 2;
    const values = new Float32Array(capacity * width);
    values.set(self.values);
    self.values = values;
    const moreTimes = new Float64Array(capacity);
    moreTimes.set(times);
    times = moreTimes;
    const moreLabels = new Float32Array(capacity);
    moreLabels.set(labels);
    labels = moreLabels;
  };

  const self: LabelledRows = {
    values: new Float32Array(1024 * width),
    get count() {
      return keys.length;
    },
    get labelled() {
      return labelled;
    },
    next: (time, key) => {
      const row = keys.length;
      if (row === times.length) grow();
      times[row] = time;
      labels[row] = Number.NaN;
      keys.push(key);
      return row * width;
    },
    time: (row) => times[row],
    key: (row) => keys[row],
    labelOf: (row) => labels[row],
    label: (row, value) => {
      if (!Number.isFinite(Math.fround(value))) return;
      labels[row] = value;
      labelled++;
    },
    matrix: (columns) => {
      const order = new Uint32Array(labelled);
      let count = 0;
      for (let row = 0; row < keys.length; row++) if (!Number.isNaN(labels[row])) order[count++] = row;
      order.sort((a, b) => times[a] - times[b] || compare(keys[a], keys[b]) || a - b);
      const values = sharedFloats(labelled * width);
      const sorted = sharedFloats(labelled);
      const sortedTimes = new Float64Array(labelled);
      for (let i = 0; i < order.length; i++) {
        const row = order[i];
        for (let c = 0; c < width; c++) values[i * width + c] = self.values[row * width + c];
        sorted[i] = labels[row];
        sortedTimes[i] = times[row];
      }
      return { matrix: { rows: labelled, columns, values, labels: sorted }, times: sortedTimes };
    },
  };
  return self;
};

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const sharedFloats = (length: number): Float32Array => {
  try {
    return new Float32Array(new SharedArrayBuffer(length * 4));
  } catch (cause) {
    throw new MillraceError("TRAINING_FAILED", "The training set does not fit into memory: shorten its time range.", {
      cause,
    });
  }
};
