import type { LoggedModelDocument } from "../../../projections/documents/types.ts";
import {
  comparator,
  type ModelMetric,
  matcher,
  orderKey,
  parseFilter,
  type Values,
} from "../../../projections/tracking/index.ts";
import { MillraceError } from "../../../schemas/errors.ts";
import { modelStatus } from "./answers.ts";
import { oneValue, ownValue, pageOf } from "./lists.ts";

/** A logged model with what runs have measured of it. */
type MeasuredModel = { model: LoggedModelDocument; metrics: readonly ModelMetric[] };

/** A dataset by its name, and by its digest where it is given. */
export type DatasetChoice = { dataset_name?: string; dataset_digest?: string };

export type LoggedModelSearch = {
  filter?: string;
  /** Of which a metric is filtered by; a model that was measured on none of them is left out. */
  datasets: readonly DatasetChoice[];
  order_by: readonly ({ field_name: string; ascending: boolean } & DatasetChoice)[];
  max_results: number;
  page_token?: string;
};

const isOn = ({ dataset }: ModelMetric, { dataset_name, dataset_digest }: DatasetChoice): boolean =>
  (!dataset_name || dataset?.name === dataset_name) && (!dataset_digest || dataset?.digest === dataset_digest);

/** Attributes, params and tags; of metrics what `valuesOfMetric` says. */
const valuesOf =
  ({ model }: MeasuredModel, valuesOfMetric: (key: string) => readonly number[]): Values =>
  ({ entity, key }) => {
    if (entity === "tag") return ownValue(model.tags, key);
    if (entity === "param") return ownValue(model.params, key);
    if (entity === "metric") return valuesOfMetric(key);
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
    return oneValue(attributes[key]);
  };

/** A condition on a metric is met by any of its points, of the datasets alone where there are any. */
const valuesToFilter = (measured: MeasuredModel, datasets: readonly DatasetChoice[]): Values =>
  valuesOf(measured, (key) =>
    measured.metrics
      .filter(
        (metric) => metric.key === key && (datasets.length === 0 || datasets.some((choice) => isOn(metric, choice))),
      )
      .map(({ value }) => value),
  );

const isNewer = (a: ModelMetric, b: ModelMetric): boolean =>
  a.timestamp !== b.timestamp ? a.timestamp > b.timestamp : a.step !== b.step ? a.step > b.step : a.run < b.run;

/**
 * An order goes by the newest point on its own dataset: the highest timestamp, then the highest step, as MLflow's store
 * has it for logged models, unlike for runs.
 */
const valuesToOrder = (measured: MeasuredModel, choice: DatasetChoice): Values =>
  valuesOf(measured, (key) => {
    const seen = measured.metrics.filter((metric) => metric.key === key && isOn(metric, choice));
    const newest = seen.reduce<ModelMetric | null>(
      (best, one) => (best === null || isNewer(one, best) ? one : best),
      null,
    );
    return newest === null ? [] : [newest.value];
  });

/** What a search looks at: names of metrics, or all of them where it asks for any on a dataset; null for none. */
const metricsNamed = (search: LoggedModelSearch): readonly string[] | "all" => {
  const filtered = parseFilter("loggedModels", search.filter).filter(({ entity }) => entity === "metric");
  if (search.datasets.length > 0 && filtered.length === 0) return "all";
  const ordered = search.order_by.flatMap(({ field_name: name }) =>
    name.startsWith("metrics.") ? [name.slice("metrics.".length)] : [],
  );
  return [...new Set([...filtered.map(({ key }) => key), ...ordered])];
};

const ordersOf = ({ order_by }: LoggedModelSearch) =>
  order_by.map(({ field_name: name, ascending, ...choice }) => {
    const entity = name.includes(".") ? name.slice(0, name.indexOf(".")) : null;
    if (entity !== null && entity !== "metrics") {
      throw new MillraceError("BAD_REQUEST", `Invalid order by field name: ${name}. Only metrics are supported.`);
    }
    const compare = comparator([orderKey("loggedModels", name, ascending)]);
    return (a: MeasuredModel, b: MeasuredModel): number => compare(valuesToOrder(a, choice), valuesToOrder(b, choice));
  });

const compareRest = comparator([
  orderKey("loggedModels", "creation_timestamp", false),
  orderKey("loggedModels", "model_id", true),
]);

/** One page of the models that meet the search, in its order, then the newest first. BAD_REQUEST. */
export const searchLoggedModels = async (
  models: readonly LoggedModelDocument[],
  search: LoggedModelSearch,
  metricsOf: (ids: readonly string[], keys?: readonly string[]) => Promise<Map<string, ModelMetric[]>>,
): Promise<{ page: LoggedModelDocument[]; next: string | undefined }> => {
  const { datasets } = search;
  if (datasets.some(({ dataset_name }) => !dataset_name)) {
    throw new MillraceError("BAD_REQUEST", "`dataset_name` in the `datasets` clause must be specified.");
  }
  const filter = parseFilter("loggedModels", search.filter);
  const matches = matcher(filter);
  const orders = ordersOf(search);
  const named = metricsNamed(search);
  const ids = models.map(({ id }) => id);
  const metrics = named === "all" ? await metricsOf(ids) : named.length === 0 ? new Map() : await metricsOf(ids, named);
  const isMeasured = ({ metrics: own }: MeasuredModel): boolean =>
    datasets.length === 0 ||
    filter.some(({ entity }) => entity === "metric") ||
    own.some((metric) => datasets.some((choice) => isOn(metric, choice)));
  const found = models
    .map((model): MeasuredModel => ({ model, metrics: metrics.get(model.id) ?? [] }))
    .filter((measured) => isMeasured(measured) && matches(valuesToFilter(measured, datasets)))
    .sort((a, b) => {
      for (const compare of orders) {
        const compared = compare(a, b);
        if (compared !== 0) return compared;
      }
      return compareRest(valuesToOrder(a, {}), valuesToOrder(b, {}));
    });
  const { page, next } = pageOf(found, search);
  return { page: page.map(({ model }) => model), next };
};
