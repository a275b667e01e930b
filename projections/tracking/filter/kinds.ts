import type { Entity } from "./ast.ts";

/** What MLflow searches, each with its variant of the language. */
export type SearchKind = "runs" | "experiments" | "registeredModels" | "modelVersions" | "loggedModels";

export type KindRules = {
  /** Entities that may be named, beside attributes. */
  entities: readonly Entity[];
  text: readonly string[];
  numbers: readonly string[];
  /** Attributes to order by, beside those to filter by. */
  orderOnly: readonly string[];
  /** Other names of attributes. */
  aliases: Readonly<Record<string, string>>;
  /** Entities whose text may be compared to a list. */
  lists: readonly Entity[];
  /** Entities that may be asked to be there or not. */
  nulls: readonly Entity[];
};

/** As in mlflow/utils/search_utils.py and search_logged_model_utils.py of MLflow 3. */
export const kinds: Readonly<Record<SearchKind, KindRules>> = {
  runs: {
    entities: ["metric", "param", "tag", "dataset"],
    text: ["run_id", "run_name", "status", "artifact_uri", "user_id"],
    numbers: ["start_time", "end_time"],
    orderOnly: [],
    aliases: {
      created: "start_time",
      Created: "start_time",
      "run name": "run_name",
      "Run name": "run_name",
      "Run Name": "run_name",
    },
    lists: ["attribute", "dataset"],
    nulls: ["param", "tag"],
  },
  experiments: {
    entities: ["tag"],
    text: ["name", "experiment_id"],
    numbers: ["creation_time", "last_update_time"],
    orderOnly: [],
    aliases: {},
    lists: ["attribute"],
    nulls: ["tag"],
  },
  registeredModels: {
    entities: ["tag"],
    text: ["name"],
    numbers: [],
    orderOnly: ["creation_timestamp", "last_updated_timestamp"],
    aliases: { timestamp: "last_updated_timestamp" },
    lists: [],
    nulls: [],
  },
  modelVersions: {
    entities: ["tag"],
    text: ["name", "run_id", "source_path"],
    numbers: ["version_number"],
    orderOnly: ["creation_timestamp", "last_updated_timestamp"],
    aliases: {},
    lists: ["attribute"],
    nulls: [],
  },
  loggedModels: {
    entities: ["metric", "param", "tag"],
    text: ["name", "model_id", "model_type", "status", "source_run_id", "experiment_id"],
    numbers: ["creation_timestamp", "last_updated_timestamp"],
    orderOnly: [],
    aliases: { creation_time: "creation_timestamp", last_updated_time: "last_updated_timestamp" },
    lists: ["attribute", "param", "tag"],
    nulls: [],
  },
};

/** The words before the dot. */
export const entityNames: ReadonlyMap<string, Entity> = new Map([
  ["attribute", "attribute"],
  ["attributes", "attribute"],
  ["attr", "attribute"],
  ["run", "attribute"],
  ["metric", "metric"],
  ["metrics", "metric"],
  ["param", "param"],
  ["params", "param"],
  ["parameter", "param"],
  ["parameters", "param"],
  ["tag", "tag"],
  ["tags", "tag"],
  ["dataset", "dataset"],
  ["datasets", "dataset"],
]);

export const datasetKeys = ["name", "digest", "context"] as const;
