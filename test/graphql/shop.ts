import { createOrders, payment } from "../commands/samples.ts";
import type { TestServer } from "./platform.ts";

const PROJECT = "mutation ($input: CreateProjectInput!) { createProject(input: $input) { position } }";
const SOURCE =
  'mutation ($input: CreateEventSourceInput!) { createEventSource(project: "shop", input: $input) { position } }';

/** The project `shop` with the event source `orders`, made through the API. */
export const openShop = async (server: TestServer): Promise<void> => {
  await server.data(PROJECT, { input: { id: "shop", name: "Shop" } });
  await server.data(SOURCE, { input: createOrders });
};

/** A model `payer` with an approved version, and the deployment `payment` of it. */
export const deployPayment = async (server: TestServer): Promise<void> => {
  const model = `mutation ($artifact: String!) {
    registerModel(project: "shop", input: { id: "payer" }) { revision }
    createModelVersion(project: "shop", input: { model: "payer", artifact: $artifact, columns: ["amount", "twice"] }) {
      modelVersion { version }
    }
    approveModelVersion(project: "shop", input: { model: "payer", version: 1, comment: "fine" }) {
      modelVersion { status comment }
    }
  }`;
  const stored = await server.deps.artifacts.put(Buffer.from("a model"));
  await server.data(model, { artifact: stored.digest });
  const columns = [
    { name: "amount", from: "event.amount" },
    { name: "twice", from: "event.amount * 2.0" },
  ];
  await server.data(
    'mutation ($input: CreateDeploymentInput!) { createDeployment(project: "shop", input: $input) { deployment { slug } } }',
    { input: { id: "payment", ...payment, columns, outcome: { ...payment.outcome, source: "orders" } } },
  );
};
