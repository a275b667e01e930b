import { warehouseFailed } from "../../infra/warehouse/failures.ts";
import type { Warehouse } from "../../infra/warehouse/open.ts";
import type { Column } from "../../schemas/lifecycle/deployment.ts";

export type EndpointView = { project: string; endpoint: string; columns: readonly Column[] };

/** Letters, digits and underscores: a name that needs no quotes in SQL. */
const sanitised = (text: string): string => text.replace(/\W/g, "_");

export const endpointViewName = (project: string, endpoint: string): string =>
  `predictions_${sanitised(project)}_${sanitised(endpoint)}`;

const own = new Set(
  "id revision model version variant share entity key event_time late output served_at latency_ms outcome outcome_at".split(
    " ",
  ),
);

const quoted = (text: string): string => `'${text.replace(/[\\']/g, "\\$&")}'`;
const backquoted = (text: string): string => `\`${text.replace(/[\\`]/g, "\\$&")}\``;

/**
 * The view of one endpoint's predictions for people: each feature a column of its name, with the outcome where it is
 * known. A feature named like a column of the prediction gets the prefix `feature_`.
 */
const selectOf = ({ project, endpoint, columns }: EndpointView): string => {
  const features = columns.map(({ name }, i) => {
    const alias = own.has(name) ? `feature_${name}` : name;
    return `p.features[${i + 1}] AS ${backquoted(alias)}`;
  });
  const these = `project = ${quoted(project)} AND endpoint = ${quoted(endpoint)}`;
  const fields = "id revision model version variant share entity key event_time late output served_at latency_ms"
    .split(" ")
    .map((name) => `p.${name} AS ${name}`);
  return `SELECT ${[...fields, ...features].join(", ")}, o.outcome AS outcome, o.outcome_at AS outcome_at
FROM (SELECT * FROM predictions WHERE ${these}) AS p
LEFT JOIN (
  SELECT _partition, prediction_offset, toNullable(outcome) AS outcome, toNullable(outcome_at) AS outcome_at
  FROM outcomes WHERE ${these}
) AS o ON o._partition = p._partition AND o.prediction_offset = p._offset`;
};

/** Creates or replaces the view `predictions_<project>_<endpoint>`. WAREHOUSE_FAILED. */
export const ensureEndpointView = async (warehouse: Warehouse, deployment: EndpointView): Promise<void> => {
  try {
    const name = endpointViewName(deployment.project, deployment.endpoint);
    await warehouse.client.command({ query: warehouse.ddl.createView(name, selectOf(deployment)) });
  } catch (error) {
    throw warehouseFailed(`view of ${deployment.project}/${deployment.endpoint}`, error);
  }
};
