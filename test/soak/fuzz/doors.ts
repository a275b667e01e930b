import type { Door } from "./door.ts";
import { bareDoor, statusDoor } from "./doors/bare.ts";
import { artifactDoor, datasetDoor, modelDoor } from "./doors/files.ts";
import { graphqlDoor, subscriptionDoor } from "./doors/graphql.ts";
import { mlflowDoor } from "./doors/mlflow.ts";
import { recordsDoor } from "./doors/records.ts";
import { registryDoor } from "./doors/registry.ts";
import { warehouseDoor } from "./doors/warehouse.ts";

/** Every door of the platform, a row each. */
export const doors: readonly Door[] = [
  graphqlDoor,
  subscriptionDoor,
  recordsDoor,
  artifactDoor,
  datasetDoor,
  modelDoor,
  registryDoor,
  mlflowDoor,
  warehouseDoor,
  statusDoor,
  bareDoor,
];
