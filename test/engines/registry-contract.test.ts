import { describe } from "node:test";
import { confluentSchemaRegistry } from "../../infra/schema-registry/confluent.ts";
import { schemaRegistryContract } from "../contracts/schema-registry.contract.ts";

const url = process.env.REGISTRY_URL ?? "";

describe("a registry of others", { skip: url === "" && "REGISTRY_URL is not set" }, () => {
  schemaRegistryContract("Confluent's REST API", () => confluentSchemaRegistry(url));
});
