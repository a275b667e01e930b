import { MillraceError } from "../../schemas/errors.ts";
import type { Task } from "../../schemas/lifecycle/model.ts";
import type { BoostingParameters } from "../../schemas/lifecycle/training-job.ts";
import type { TrainingMatrix } from "./types.ts";

const failed = (message: string): MillraceError => new MillraceError("TRAINING_FAILED", message);

const MAX_LEAVES = 4096;

export const checkParameters = (parameters: BoostingParameters): void => {
  const whole = (name: keyof BoostingParameters, least: number, most: number): void => {
    const value = parameters[name];
    if (!Number.isInteger(value) || value < least || value > most) {
      throw failed(`Parameter ${name} is ${value}; it must be a whole number from ${least} to ${most}.`);
    }
  };
  whole("trees", 1, 100_000);
  whole("maxLeaves", 2, MAX_LEAVES);
  whole("maxDepth", 1, 64);
  whole("minLeafRows", 1, Number.MAX_SAFE_INTEGER);
  whole("bins", 2, 255);
  whole("earlyStoppingRounds", 0, Number.MAX_SAFE_INTEGER);
  whole("seed", Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  if (!(parameters.learningRate > 0 && parameters.learningRate <= 1)) {
    throw failed(`Parameter learningRate is ${parameters.learningRate}; it must be above 0 and at most 1.`);
  }
  if (!(parameters.l2 >= 0 && parameters.l2 < Number.POSITIVE_INFINITY)) {
    throw failed(`Parameter l2 is ${parameters.l2}; it must be 0 or more.`);
  }
};

const checkShape = (name: string, matrix: TrainingMatrix): void => {
  if (matrix.rows === 0) throw failed(`The ${name} set has no rows.`);
  if (matrix.columns.length === 0) throw failed(`The ${name} set has no columns.`);
  const cells = matrix.rows * matrix.columns.length;
  if (matrix.values.length !== cells || matrix.labels.length !== matrix.rows) {
    const found = `${matrix.values.length} values and ${matrix.labels.length} labels`;
    throw failed(`The ${name} set has ${found}; ${matrix.rows} rows of ${matrix.columns.length} need ${cells}.`);
  }
};

const checkLabels = (name: string, matrix: TrainingMatrix, task: Task): void => {
  for (let row = 0; row < matrix.rows; row++) {
    const label = matrix.labels[row];
    if (!Number.isFinite(label))
      throw failed(`The label of row ${row} of the ${name} set is ${label}; drop such rows.`);
    if (task === "binary" && label !== 0 && label !== 1) {
      throw failed(`The label of row ${row} of the ${name} set is ${label}; a binary task takes 0 and 1.`);
    }
  }
};

/** Columns that cannot tell rows apart: missing everywhere, or of one value with none missing. */
const uselessColumns = (matrix: TrainingMatrix): { missing: string[]; constant: string[] } => {
  const width = matrix.columns.length;
  const missing: string[] = [];
  const constant: string[] = [];
  for (const [column, name] of matrix.columns.entries()) {
    const first = matrix.values[column];
    let at = column + width;
    while (at < matrix.values.length && Object.is(matrix.values[at], first)) at += width;
    if (at < matrix.values.length) continue;
    if (Number.isNaN(first)) missing.push(name);
    else constant.push(name);
  }
  return { missing, constant };
};

/** TRAINING_FAILED naming what is wrong with the input of a training. */
export const checkTraining = (train: TrainingMatrix, validation: TrainingMatrix | null, task: Task): void => {
  checkShape("training", train);
  checkLabels("training", train, task);
  if (validation !== null) {
    checkShape("validation", validation);
    checkLabels("validation", validation, task);
    if (validation.columns.join("\n") !== train.columns.join("\n")) {
      throw failed("The columns of the validation set are not those of the training set.");
    }
  }
  if (train.labels.every((label) => label === train.labels[0])) {
    const meaning = task === "binary" ? "one class" : "one value";
    throw failed(`Every label of the training set is ${train.labels[0]}: with ${meaning} there is nothing to learn.`);
  }
  const { missing, constant } = uselessColumns(train);
  if (missing.length + constant.length === train.columns.length) {
    const named = [...missing.map((name) => `${name} (no value)`), ...constant.map((name) => `${name} (one value)`)];
    throw failed(`No column tells rows apart: ${named.join(", ")}.`);
  }
};
