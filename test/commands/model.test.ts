import assert from "node:assert/strict";
import { test } from "node:test";
import { model } from "../../commands/model/decider.ts";
import { definitionOf, inputWidth } from "../../commands/model/inspection.ts";
import type { ModelEvent } from "../../schemas/lifecycle/model.ts";
import { artifact, otherArtifact, version } from "./samples.ts";
import { spec } from "./specification.ts";

const registered: ModelEvent = { type: "ModelRegistered", data: { description: "" } };
const first: ModelEvent = { type: "ModelVersionCreated", data: { version: 1, ...version } };
const approval: ModelEvent = { type: "ModelVersionApproved", data: { version: 1, comment: "good" } };
const approved: ModelEvent = { ...approval, by: "ann" };
const rejected: ModelEvent = { type: "ModelVersionRejected", data: { version: 1, comment: "bad" } };
const aliased: ModelEvent = { type: "ModelAliasSet", data: { alias: "live", version: 1 } };
const archived: ModelEvent = { type: "ModelArchived", data: {} };

const create = { type: "CreateModelVersion", data: { model: "payer", definition: version } } as const;
const approve = { type: "ApproveModelVersion", data: { model: "payer", version: 1, comment: "good" } } as const;
const reject = { type: "RejectModelVersion", data: { model: "payer", version: 1, comment: "bad" } } as const;
const alias = { type: "SetModelAlias", data: { model: "payer", alias: "live", version: 1 } } as const;

test("a model is registered once", () => {
  const register = { type: "RegisterModel", data: { id: "payer", description: "" } } as const;
  spec(model).given().when(register).then(registered);
  spec(model).given(registered).when(register).then();
  spec(model)
    .given(registered)
    .when({ ...register, data: { id: "payer", description: "other" } })
    .thenError("ALREADY_EXISTS", /"payer"/);
});

test("versions are numbered in order; the same definition again is the same version", () => {
  spec(model).given(registered).when(create).then(first);
  spec(model).given(registered, first).when(create).then();
  const definition = { ...version, artifact: otherArtifact };
  spec(model)
    .given(registered, first)
    .when({ ...create, data: { model: "payer", definition } })
    .then({ type: "ModelVersionCreated", data: { version: 2, ...definition } });
  spec(model)
    .given()
    .when(create)
    .thenError("NOT_FOUND", /"payer"/);
});

test("a version is approved or rejected, with a reason, and can change sides", () => {
  spec(model).given(registered, first).when(approve).then(approval);
  spec(model).given(registered, first, approved).when(approve).then();
  spec(model).given(registered, first).when(reject).then(rejected);
  spec(model).given(registered, first, rejected).when(reject).then();
  spec(model).given(registered, first, approved).when(reject).then(rejected);
  spec(model).given(registered, first, rejected).when(approve).then(approval);
  spec(model)
    .given(registered, first)
    .when({ ...approve, data: { ...approve.data, version: 2 } })
    .thenError("NOT_FOUND", /no version 2; its newest is 1/);
  spec(model)
    .given(registered)
    .when(approve)
    .thenError("NOT_FOUND", /none yet/);
});

test("only an approved version gets an alias", () => {
  spec(model)
    .given(registered, first)
    .when(alias)
    .thenError("ILLEGAL_STATE", /pending/);
  spec(model)
    .given(registered, first, rejected)
    .when(alias)
    .thenError("ILLEGAL_STATE", /rejected/);
  spec(model).given(registered, first, approved).when(alias).then(aliased);
  spec(model).given(registered, first, approved, aliased).when(alias).then();
});

test("a version with an alias is not rejected before the alias has moved", () => {
  spec(model)
    .given(registered, first, approved, aliased)
    .when(reject)
    .thenError("ILLEGAL_STATE", /alias live/);
  const removed: ModelEvent = { type: "ModelAliasRemoved", data: { alias: "live" } };
  const remove = { type: "RemoveModelAlias", data: { model: "payer", alias: "live" } } as const;
  spec(model).given(registered, first, approved, aliased).when(remove).then(removed);
  spec(model).given(registered, first, approved, aliased, removed).when(remove).then();
  spec(model).given(registered, first, approved, aliased, removed).when(reject).then(rejected);
});

test("an archived model takes nothing new", () => {
  spec(model)
    .given(registered)
    .when({ type: "ArchiveModel", data: { model: "payer" } })
    .then(archived);
  const gone = spec(model).given(registered, first, archived);
  gone.when({ type: "ArchiveModel", data: { model: "payer" } }).then();
  for (const command of [create, approve, reject, alias]) gone.when(command).thenError("ILLEGAL_STATE", /archived/);
});

test("what the command leaves out is read from the model file", () => {
  const { size, signature, columns, task } = version;
  const { lineage, source, run } = version;
  const payload = {
    model: "payer",
    format: "onnx",
    artifact,
    output: null,
    outputIndex: null,
    metrics: {},
    profile: null,
    lineage,
    source,
    run,
    foreignRun: null,
    reuse: true,
  } as const;
  const said = definitionOf(payload, { size, signature, columns, task, output: "score", outputIndex: 0 });
  assert.deepEqual([said.columns, said.task, said.size], [columns, "binary", 1000]);
  assert.deepEqual([said.output, said.outputIndex], ["score", 0]);
  const unsaid = { size, signature, columns: null, task: null, output: "score", outputIndex: 0 };
  assert.throws(() => definitionOf(payload, unsaid), { code: "BAD_REQUEST", message: /^task:/ });
  assert.throws(() => definitionOf({ ...payload, task: "binary" }, unsaid), {
    code: "BAD_REQUEST",
    message: /^columns:/,
  });
  assert.throws(() => definitionOf({ ...payload, task: "binary", columns: ["amount"] }, unsaid), {
    code: "SIGNATURE_MISMATCH",
    message: /takes 2 input columns, but 1 are named: amount/,
  });
});

test("columns that the file names are taken in its order, or by names of the caller's own", () => {
  const { size, signature, lineage, source, run } = version;
  const payload = {
    model: "payer",
    format: "onnx",
    artifact,
    metrics: {},
    profile: null,
    lineage,
    source,
    run,
  } as const;
  const chosen = { output: null, outputIndex: null, foreignRun: null, reuse: false };
  const inspected = {
    size,
    signature,
    task: "binary",
    columns: ["A", "Hub"],
    output: "score",
    outputIndex: 0,
  } as const;
  const definition = (columns: string[]) =>
    definitionOf({ ...payload, ...chosen, columns }, { ...inspected, columns: [...inspected.columns] });
  assert.deepEqual(definition(["A", "Hub"]).columns, ["A", "Hub"]);
  assert.deepEqual(definition(["amount", "is_hub"]).columns, ["amount", "is_hub"]);
  assert.throws(() => definition(["Hub", "A"]), { code: "SIGNATURE_MISMATCH", message: /in the order A, Hub/ });
});

test("the width of a signature is known where its dimensions say it", () => {
  const tensor = (...shape: number[]) => ({ name: "x", type: "float32", shape });
  assert.equal(inputWidth({ inputs: [tensor(-1, 7)], outputs: [] }), 7);
  assert.equal(inputWidth({ inputs: [tensor(-1, -1)], outputs: [] }), null);
  assert.equal(inputWidth({ inputs: [tensor(-1, 1), tensor(-1, 1), tensor(-1, 1)], outputs: [] }), 3);
});
