type Numbers = ArrayLike<number>;

const meanOf = (values: Numbers): number => {
  let sum = 0;
  for (let row = 0; row < values.length; row++) sum += values[row];
  return sum / values.length;
};

const squaredErrors = (outputs: Numbers, labels: Numbers): number => {
  let sum = 0;
  for (let row = 0; row < outputs.length; row++) sum += (outputs[row] - labels[row]) ** 2;
  return sum;
};

/** Root of the mean squared error, in units of the label. */
export const rmse = (outputs: Numbers, labels: Numbers): number =>
  Math.sqrt(squaredErrors(outputs, labels) / outputs.length);

/** Mean absolute error, in units of the label. */
export const mae = (outputs: Numbers, labels: Numbers): number => {
  let sum = 0;
  for (let row = 0; row < outputs.length; row++) sum += Math.abs(outputs[row] - labels[row]);
  return sum / outputs.length;
};

/** Share of the label's variance that is explained. NaN where the labels are all equal. */
export const r2 = (outputs: Numbers, labels: Numbers): number => {
  const mean = meanOf(labels);
  let spread = 0;
  for (let row = 0; row < labels.length; row++) spread += (labels[row] - mean) ** 2;
  return spread === 0 ? Number.NaN : 1 - squaredErrors(outputs, labels) / spread;
};
