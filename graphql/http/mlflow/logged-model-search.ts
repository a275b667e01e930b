import type { LoggedModelDocument } from "../../../projections/documents/types.ts";
import type { ModelMetric, Values } from "../../../projections/tracking/index.ts";
import { modelStatus } from "./answers.ts";
import { oneValue, ownValue } from "./lists.ts";

/** A logged model with what runs have measured of it. */
export type MeasuredModel = { model: LoggedModelDocument; metrics: readonly ModelMetric[] };

/** A dataset by its name, and by its digest where it is given. */
export type DatasetChoice = { dataset_name: string; dataset_digest?: string };

const isOn = ({ dataset }: ModelMetric, { dataset_name, dataset_digest }: DatasetChoice): boolean =>
  dataset !== null && dataset.name === dataset_name && (!dataset_digest || dataset.digest === dataset_digest);

/** The values that a search sees; of metrics, those on one of the datasets where there are any, the latest of them. */
export const modelValues =
  (datasets: readonly DatasetChoice[]) =>
  ({ model, metrics }: MeasuredModel): Values => {
    const attributes: Record<string, string | number | null> = {
      name: model.name,
      model_id: model.id,
      model_type: model.modelType,
      status: modelStatus(model.status).replace("LOGGED_MODEL_", ""),
      source_run_id: model.run,
      experiment_id: model.experiment,
      creation_timestamp: model.createdAt,
      last_updated_timestamp: model.updatedAt,
    };
    return ({ entity, key }) => {
      switch (entity) {
        case "tag":
          return ownValue(model.tags, key);
        case "param":
          return ownValue(model.params, key);
        case "metric": {
          const seen = metrics.filter(
            (metric) => metric.key === key && (datasets.length === 0 || datasets.some((one) => isOn(metric, one))),
          );
          return seen
            .toSorted((a, b) => b.timestamp - a.timestamp)
            .slice(0, 1)
            .map(({ value }) => value);
        }
        default:
          return oneValue(attributes[key]);
      }
    };
  };
