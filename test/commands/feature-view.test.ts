import { test } from "node:test";
import { featureView } from "../../commands/feature-view/decider.ts";
import type { FeatureViewEvent } from "../../schemas/lifecycle/feature-view.ts";
import { spending } from "./samples.ts";
import { spec } from "./specification.ts";

const created: FeatureViewEvent = { type: "FeatureViewCreated", data: { definition: spending } };
const archived: FeatureViewEvent = { type: "FeatureViewArchived", data: {} };
const wider = { ...spending, allowedLatenessMs: 1000 };
const create = { type: "CreateFeatureView", data: { id: "spending", definition: spending } } as const;
const change = { type: "ChangeFeatureView", data: { id: "spending", definition: wider } } as const;

test("a view is created once", () => {
  spec(featureView).given().when(create).then(created);
  spec(featureView).given(created).when(create).then();
  spec(featureView)
    .given(created)
    .when({ ...create, data: change.data })
    .thenError("ALREADY_EXISTS", /"spending"/);
});

test("each changed definition is a new version", () => {
  const second: FeatureViewEvent = { type: "FeatureViewChanged", data: { version: 2, definition: wider } };
  spec(featureView).given(created).when(change).then(second);
  spec(featureView).given(created, second).when(change).then();
  spec(featureView)
    .given(created, second)
    .when({ ...change, data: { id: "spending", definition: spending } })
    .then({ type: "FeatureViewChanged", data: { version: 3, definition: spending } });
});

test("the order of keys in a definition does not make it another", () => {
  const { entity, ...rest } = spending;
  spec(featureView)
    .given(created)
    .when({ ...change, data: { id: "spending", definition: { ...rest, entity } } })
    .then();
});

test("an archived view stays as it was", () => {
  const view = spec(featureView).given(created, archived);
  view.when({ type: "ArchiveFeatureView", data: { id: "spending" } }).then();
  view.when(change).thenError("ILLEGAL_STATE", /archived/);
  view.when(create).thenError("ILLEGAL_STATE", /archived/);
  spec(featureView)
    .given(created)
    .when({ type: "ArchiveFeatureView", data: { id: "spending" } })
    .then(archived);
  spec(featureView).given().when(change).thenError("NOT_FOUND");
});
