import { test } from "node:test";
import { deployment } from "../../commands/deployment/decider.ts";
import type { DeploymentEvent, TrafficSplit } from "../../schemas/lifecycle/deployment.ts";
import { payment } from "./samples.ts";
import { spec } from "./specification.ts";

const created: DeploymentEvent = { type: "DeploymentCreated", data: payment };
const stopped: DeploymentEvent = { type: "DeploymentStopped", data: {} };
const create = { type: "CreateDeployment", data: { id: "payment", ...payment } } as const;
const change = (split: TrafficSplit) =>
  ({ type: "ChangeTraffic", data: { id: "payment", split, reason: "" } }) as const;
const stop = { type: "StopDeployment", data: { id: "payment", reason: "" } } as const;

const champion = { model: "payer", version: 1, variant: "champion", share: 0.9 } as const;
const challenger = { model: "payer", version: 2, variant: "challenger", share: 0.1 } as const;
const shadow = { model: "payer", version: 3, variant: "shadow", share: 0 } as const;

test("a deployment is created once", () => {
  spec(deployment).given().when(create).then(created);
  spec(deployment).given(created).when(create).then();
  spec(deployment)
    .given(created)
    .when({ ...create, data: { ...create.data, threshold: 0.7 } })
    .thenError("ALREADY_EXISTS", /"payment"/);
});

test("traffic is split among a champion, challengers and shadows", () => {
  const split = [champion, challenger, shadow];
  const changed: DeploymentEvent = { type: "TrafficChanged", data: { split } };
  spec(deployment).given(created).when(change(split)).then(changed);
  spec(deployment).given(created, changed).when(change(split)).then();
  spec(deployment)
    .given()
    .when(change(split))
    .thenError("NOT_FOUND", /"payment"/);
});

test("decimal shares may miss 1 by their rounding", () => {
  const thirds: TrafficSplit = [
    { ...champion, share: 0.7 },
    { ...challenger, share: 0.1 },
    { ...challenger, version: 3, share: 0.2 },
  ];
  spec(deployment)
    .given(created)
    .when(change(thirds))
    .then({ type: "TrafficChanged", data: { split: thirds } });
});

test("a split that does not hold together is refused", () => {
  const refused = (split: TrafficSplit, message: RegExp): void => {
    spec(deployment).given(created).when(change(split)).thenError("BAD_REQUEST", message);
    spec(deployment)
      .given()
      .when({ ...create, data: { ...create.data, split } })
      .thenError("BAD_REQUEST", message);
  };
  refused([{ ...challenger, share: 1 }], /exactly one champion, got 0/);
  refused([champion, { ...champion, version: 2, share: 0.1 }], /exactly one champion, got 2/);
  refused([champion], /sum to 0.9/);
  refused([champion, { ...challenger, version: 1 }], /payer\/1 is there twice/);
  refused([champion, { ...shadow, share: 0.1 }], /share must be 0/);
});

test("a column name is used once", () => {
  const columns = [...payment.columns, payment.columns[0]];
  spec(deployment)
    .given()
    .when({ ...create, data: { ...create.data, columns } })
    .thenError("BAD_REQUEST", /"amount" is there twice/);
});

test("a stopped deployment stays stopped", () => {
  spec(deployment).given(created).when(stop).then(stopped);
  const over = spec(deployment).given(created, stopped);
  over.when(stop).then();
  over.when(create).thenError("ILLEGAL_STATE", /stopped/);
  over.when(change(payment.split)).thenError("ILLEGAL_STATE", /stopped/);
  spec(deployment).given().when(stop).thenError("NOT_FOUND");
});
