import type { AlertDefinition } from "../../schemas/lifecycle/alert.ts";
import type { DriftRecord } from "../../schemas/topics.ts";
import { digestOf } from "../identity.ts";

/** One alert a monitor, version, column and window, whoever finds it and however often: the id is a digest of them. */
export const alertId = ({ monitor, model, version, column, from }: DriftRecord): string =>
  `${monitor.slice(0, 40)}-${digestOf([monitor, model, version, column, from]).slice(0, 20)}`;

export const alertOf = (result: DriftRecord): AlertDefinition => {
  const { monitor, endpoint, model, version, column, statistic, value, threshold, from, to, rows } = result;
  const shown = Number(value.toPrecision(4));
  const window = `${new Date(from).toISOString()} to ${new Date(to).toISOString()}`;
  return {
    monitor,
    deployment: endpoint,
    model,
    version,
    column,
    statistic,
    value,
    threshold,
    from,
    to,
    rows,
    message: `${statistic} of ${column} is ${shown}, above ${threshold}, over ${rows} rows from ${window}`,
  };
};
