import { test } from "node:test";
import { model } from "../../commands/model/decider.ts";
import type { FailedRule } from "../../commands/model/stages.ts";
import type { GuardedStage, ModelEvent, Stage } from "../../schemas/lifecycle/model.ts";
import { version } from "./samples.ts";
import { spec } from "./specification.ts";

const registered: ModelEvent = { type: "ModelRegistered", data: { description: "" } };
const created = (number: number): ModelEvent => ({
  type: "ModelVersionCreated",
  data: { version: number, ...version, metrics: { auc: number / 10 } },
  by: "ann",
});
const three = [registered, created(1), created(2), created(3)];

const moved = (number: number, stage: Stage, rest: object = {}): ModelEvent => ({
  type: "ModelVersionStageChanged",
  data: { version: number, stage, from: "None", archived: [], rollback: false, comment: "", ...rest },
});
const rejected = (number: number): ModelEvent => ({
  type: "ModelVersionRejected",
  data: { version: number, comment: "bad" },
});
const deleted = (number: number): ModelEvent => ({ type: "ModelVersionDeleted", data: { version: number } });

const transition = (number: number, stage: Stage, rest: object = {}) =>
  ({
    type: "TransitionStage",
    data: { model: "payer", version: number, stage, archiveExisting: true, comment: "", failed: [], ...rest },
  }) as const;
const rollBack = (stage: GuardedStage, to?: number) =>
  ({ type: "RollBackStage", data: { model: "payer", stage, to, comment: "it is slow" } }) as const;
const back = (to: number, archived: number[], from: Stage = "Archived"): ModelEvent =>
  moved(to, "Production", { from, archived, rollback: true, comment: "it is slow" });

const promoted = [
  ...three,
  moved(1, "Production"),
  moved(2, "Production", { archived: [1] }),
  moved(3, "Production", { archived: [2] }),
];

test("a version enters a stage, and those that held it are archived unless they are to stay", () => {
  spec(model)
    .given(...three)
    .when(transition(1, "Staging"))
    .then(moved(1, "Staging"));
  const one = spec(model).given(...three, moved(1, "Production"));
  one.when(transition(2, "Production")).then(moved(2, "Production", { archived: [1] }));
  one.when(transition(2, "Production", { archiveExisting: false })).then(moved(2, "Production"));
  one.when(transition(1, "Archived")).then(moved(1, "Archived", { from: "Production" }));
  one.when(transition(1, "Production")).then();
  spec(model)
    .given(...three, moved(1, "Production"), moved(2, "Production"))
    .when(transition(1, "Production"))
    .then(moved(1, "Production", { from: "Production", archived: [2] }));
});

test("a transition names a version that is there and not rejected", () => {
  const rest = spec(model).given(...three, rejected(2), deleted(3));
  rest.when(transition(9, "Staging")).thenError("NOT_FOUND", /no version 9; its newest is 3/);
  rest.when(transition(3, "Staging")).thenError("NOT_FOUND", /version 3 .* was deleted/);
  rest.when(transition(2, "Staging")).thenError("ILLEGAL_STATE", /rejected; approve it before it enters Staging/);
  rest.when(transition(2, "Archived")).then(moved(2, "Archived"));
});

test("a promotion that does not meet its policy is refused with every rule that failed", () => {
  const failed: FailedRule[] = [
    { rule: "approvals", message: "one needed" },
    { rule: "gate", message: "auc is low" },
  ];
  const one = spec(model).given(...three, moved(1, "Production"));
  one
    .when(transition(2, "Production", { failed }))
    .thenError("POLICY_NOT_MET", /version 2 .* may not enter Production: one needed; auc is low/);
});

test("who expects another champion is told which version holds the stage by now", () => {
  const one = spec(model).given(...promoted.slice(0, 5));
  one.when(transition(3, "Production", { expectedChampion: 1 })).then(moved(3, "Production", { archived: [1] }));
  spec(model)
    .given(...promoted.slice(0, 6))
    .when(transition(3, "Production", { expectedChampion: 1 }))
    .thenError("ILLEGAL_STATE", /version 2 .* holds Production by now, not version 1; look again/);
  one.when(transition(3, "Production", { expectedChampion: null })).thenError("ILLEGAL_STATE", /not no version/);
  spec(model)
    .given(...three)
    .when(transition(3, "Staging", { expectedChampion: null }))
    .then(moved(3, "Staging"));
});

test("a rollback goes to the version before, and again to the one before that", () => {
  const rolled = back(2, [3]);
  spec(model)
    .given(...promoted)
    .when(rollBack("Production"))
    .then(rolled);
  spec(model)
    .given(...promoted, rolled)
    .when(rollBack("Production"))
    .then(back(1, [2]));
  spec(model)
    .given(...promoted, rolled, back(1, [2]))
    .when(rollBack("Production"))
    .thenError("ILLEGAL_STATE", /promote one instead/);
});

test("a rollback goes to any earlier holder, but to no version that never held the stage or has left the way", () => {
  const all = spec(model).given(...promoted);
  all.when(rollBack("Production", 1)).then(back(1, [3]));
  all.when(rollBack("Production", 3)).then();
  all.when(rollBack("Production", 9)).thenError("NOT_FOUND");
  spec(model)
    .given(...promoted, back(1, [3]))
    .when(rollBack("Production", 3))
    .thenError("ILLEGAL_STATE", /version 3 .* promote one instead/);
  spec(model)
    .given(...promoted.slice(0, 6))
    .when(rollBack("Production", 3))
    .thenError("ILLEGAL_STATE", /one can go back to 1/);
});

test("a rollback passes over versions that were rejected or deleted since", () => {
  spec(model)
    .given(...promoted, rejected(2))
    .when(rollBack("Production"))
    .then(back(1, [3]));
  spec(model)
    .given(...promoted, deleted(2))
    .when(rollBack("Production", 2))
    .thenError("NOT_FOUND", /deleted/);
});

test("a stage that was emptied by hand is filled again by a rollback", () => {
  spec(model)
    .given(...promoted, moved(3, "Archived", { from: "Production" }))
    .when(rollBack("Production"))
    .then(back(3, []));
});

test("what holds a stage is neither rejected nor deleted; a deleted version takes its aliases along", () => {
  const approved: ModelEvent = { type: "ModelVersionApproved", data: { version: 1, comment: "" }, by: "bob" };
  const aliased: ModelEvent = { type: "ModelAliasSet", data: { alias: "live", version: 1 } };
  const remove = { type: "DeleteModelVersion", data: { model: "payer", version: 1 } } as const;
  const held = spec(model).given(...three, moved(1, "Staging"));
  held.when(remove).thenError("ILLEGAL_STATE", /holds Staging; move it first/);
  held
    .when({ type: "RejectModelVersion", data: { model: "payer", version: 1, comment: "bad" } })
    .thenError("ILLEGAL_STATE", /holds Staging/);
  spec(model)
    .given(...three, approved, aliased)
    .when(remove)
    .then({ type: "ModelAliasRemoved", data: { alias: "live" } }, deleted(1));
  const gone = spec(model).given(...three, deleted(1));
  gone.when(remove).then();
  gone
    .when({
      type: "CreateModelVersion",
      data: { model: "payer", definition: { ...version, metrics: { auc: 0.1 } } },
    })
    .then({ type: "ModelVersionCreated", data: { version: 4, ...version, metrics: { auc: 0.1 } } });
});

test("a version that holds a stage gets an alias without another approval", () => {
  const alias = { type: "SetModelAlias", data: { model: "payer", alias: "live", version: 1 } } as const;
  spec(model)
    .given(...three, moved(1, "Production"))
    .when(alias)
    .then({ type: "ModelAliasSet", data: { alias: "live", version: 1 } });
});

test("an approval is given once a person; a second person's counts beside it", () => {
  const give = {
    type: "GiveApproval",
    data: { model: "payer", version: 1, stage: "Production", comment: "ok" },
  } as const;
  const given: ModelEvent = {
    type: "ModelVersionApprovalGiven",
    data: { version: 1, stage: "Production", comment: "ok" },
  };
  const approve = { type: "ApproveModelVersion", data: { model: "payer", version: 1, comment: "ok" } } as const;
  const approved: ModelEvent = { type: "ModelVersionApproved", data: { version: 1, comment: "ok" } };
  spec(model)
    .given(...three)
    .when(give)
    .then(given);
  const once = spec(model).given(...three, { ...given, by: "ann" });
  once.when(give, "ann").then();
  once.when(give, "bob").then(given);
  const all = spec(model).given(...three, { ...approved, by: "ann" });
  all.when(give, "ann").then();
  all.when(approve, "ann").then();
  all.when(approve, "bob").then(approved);
  spec(model)
    .given(...three, rejected(1))
    .when(give)
    .thenError("ILLEGAL_STATE", /ApproveModelVersion takes that back/);
});

test("descriptions and tags are set and removed, and said again without effect", () => {
  const on = { model: "payer" };
  const tag: ModelEvent = { type: "ModelTagSet", data: { key: "team", value: "risk" } };
  const described: ModelEvent = { type: "ModelDescribed", data: { description: "who pays" } };
  const one = spec(model).given(...three);
  one.when({ type: "SetModelTag", data: { ...on, key: "team", value: "risk" } }).then(tag);
  one.when({ type: "RemoveModelTag", data: { ...on, key: "team" } }).then();
  one.when({ type: "DescribeModel", data: { ...on, description: "who pays" } }).then(described);
  const done = spec(model).given(...three, tag, described);
  done.when({ type: "SetModelTag", data: { ...on, key: "team", value: "risk" } }).then();
  done.when({ type: "DescribeModel", data: { ...on, description: "who pays" } }).then();
  done
    .when({ type: "RemoveModelTag", data: { ...on, key: "team" } })
    .then({ type: "ModelTagRemoved", data: { key: "team" } });
});

test("so are those of a version", () => {
  const on = { model: "payer", version: 2 };
  const tag: ModelEvent = { type: "ModelVersionTagSet", data: { version: 2, key: "data", value: "may" } };
  const described: ModelEvent = { type: "ModelVersionDescribed", data: { version: 2, description: "deeper" } };
  const one = spec(model).given(...three);
  one.when({ type: "SetModelVersionTag", data: { ...on, key: "data", value: "may" } }).then(tag);
  one.when({ type: "DescribeModelVersion", data: { ...on, description: "deeper" } }).then(described);
  const done = spec(model).given(...three, tag, described);
  done.when({ type: "SetModelVersionTag", data: { ...on, key: "data", value: "may" } }).then();
  done.when({ type: "DescribeModelVersion", data: { ...on, description: "deeper" } }).then();
  done
    .when({ type: "RemoveModelVersionTag", data: { ...on, key: "data" } })
    .then({ type: "ModelVersionTagRemoved", data: { version: 2, key: "data" } });
  one.when({ type: "RemoveModelVersionTag", data: { ...on, key: "data" } }).then();
  one.when({ type: "DescribeModelVersion", data: { ...on, version: 7, description: "" } }).thenError("NOT_FOUND");
});
