import type { RunDocument } from "../documents/types.ts";
import type { Field } from "./filter/ast.ts";
import type { Values } from "./filter/evaluate.ts";
import type { MetricPoint } from "./points.ts";

/** Where a run's artifacts are, as MLflow's artifact proxy names it. */
const artifactUri = ({ experiment, id }: RunDocument): string => `mlflow-artifacts:/${experiment}/${id}/artifacts`;

const attributes: Readonly<Record<string, (run: RunDocument) => string | number | null>> = {
  run_id: (run) => run.id,
  run_name: (run) => run.name,
  status: (run) => run.status,
  artifact_uri: artifactUri,
  user_id: (run) => run.user,
  start_time: (run) => run.startTime,
  end_time: (run) => run.endTime,
};

const one = (value: string | number | null | undefined): readonly (string | number)[] =>
  value === null || value === undefined ? [] : [value];

const ownOf = (values: Readonly<Record<string, string>>, key: string): readonly string[] =>
  Object.hasOwn(values, key) ? [values[key]] : [];

const datasetsOf = ({ inputs }: RunDocument, key: string): readonly string[] =>
  inputs.datasets.flatMap(({ name, digest, tags }) => {
    if (key === "context") return ownOf(tags, "mlflow.data.context");
    return [key === "name" ? name : digest];
  });

/** What a filter and an order see of a run. */
export const runValues = (run: RunDocument, metrics: readonly MetricPoint[]): Values => {
  const byKey = new Map(metrics.map(({ key, value }) => [key, value]));
  return ({ entity, key }: Field) => {
    switch (entity) {
      case "attribute":
        return one(attributes[key]?.(run));
      case "metric":
        return one(byKey.get(key));
      case "param":
        return ownOf(run.params, key);
      case "tag":
        return ownOf(run.tags, key);
      case "dataset":
        return datasetsOf(run, key);
    }
  };
};
