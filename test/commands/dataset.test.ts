import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import { dataset, type NewDatasetVersion } from "../../commands/dataset/decider.ts";
import { schemaChanges } from "../../commands/dataset/schema-changes.ts";
import type { DatasetEvent } from "../../schemas/lifecycle/dataset.ts";
import { eventsOf, platform } from "./platform.ts";
import { artifact, loaded, otherArtifact } from "./samples.ts";
import { spec } from "./specification.ts";

const definition: NewDatasetVersion = {
  digest: artifact,
  format: "csv",
  source: { kind: "upload", text: null },
  ...loaded,
};
const created: DatasetEvent = { type: "DatasetCreated", data: { description: "" } };
const first: DatasetEvent = { type: "DatasetVersionCreated", data: { version: 1, ...definition } };
const archived: DatasetEvent = { type: "DatasetArchived", data: {} };
const tagged: DatasetEvent = { type: "DatasetTagSet", data: { key: "owner", value: "ann" } };
const upload = (change: Partial<NewDatasetVersion> = {}) =>
  ({ type: "CreateDatasetVersion", data: { dataset: "orders", definition: { ...definition, ...change } } }) as const;

describe("dataset", () => {
  it("is made by its first version", () => spec(dataset).given().when(upload()).then(created, first));

  it("equal bytes are the version that they were, also after others", () => {
    const second: DatasetEvent = {
      type: "DatasetVersionCreated",
      data: { version: 2, ...definition, digest: otherArtifact },
    };
    spec(dataset).given(created, first, second).when(upload()).then();
  });

  it("other bytes, or the same in another format, are a new version; its schema may be another", () => {
    const schema = [{ name: "amount", type: "String" }];
    for (const change of [{ digest: otherArtifact, schema }, { format: "json" as const }]) {
      spec(dataset)
        .given(created, first)
        .when(upload(change))
        .then({ type: "DatasetVersionCreated", data: { version: 2, ...definition, ...change } });
    }
  });

  it("has a description from its making on", () => {
    const create = { type: "CreateDataset", data: { id: "orders", description: "of the shop" } } as const;
    spec(dataset)
      .given()
      .when(create)
      .then({ type: "DatasetCreated", data: { description: "of the shop" } });
    spec(dataset)
      .given(created)
      .when(create)
      .thenError("ALREADY_EXISTS", /dataset "orders"/);
  });

  it("tags are set, changed and removed once", () => {
    const set = (value: string) =>
      ({ type: "SetDatasetTag", data: { dataset: "orders", key: "owner", value } }) as const;
    const remove = { type: "RemoveDatasetTag", data: { dataset: "orders", key: "owner" } } as const;
    spec(dataset).given(created).when(set("ann")).then(tagged);
    spec(dataset).given(created, tagged).when(set("ann")).then();
    spec(dataset)
      .given(created, tagged)
      .when(remove)
      .then({ type: "DatasetTagRemoved", data: { key: "owner" } });
    spec(dataset).given(created).when(remove).then();
  });

  it("archived, it takes nothing more; archiving again changes nothing", () => {
    const archive = { type: "ArchiveDataset", data: { dataset: "orders" } } as const;
    spec(dataset).given(created, first).when(archive).then(archived);
    spec(dataset).given(created, archived).when(archive).then();
    spec(dataset)
      .given(created, archived)
      .when(upload())
      .thenError("ILLEGAL_STATE", /archived/);
    spec(dataset)
      .given()
      .when(archive)
      .thenError("NOT_FOUND", /dataset "orders"/);
  });
});

test("schema changes: types, new columns, columns that are gone", () => {
  const column = (name: string, type: string) => ({ name, type });
  assert.deepEqual(
    schemaChanges(
      [column("a", "Int64"), column("b", "String"), column("c", "Bool")],
      [column("a", "Float64"), column("b", "String"), column("d", "Date32")],
    ),
    [
      { column: "a", from: "Int64", to: "Float64" },
      { column: "d", from: null, to: "Date32" },
      { column: "c", from: "Bool", to: null },
    ],
  );
});

test("the bus answers the number of the version, of a new one and of one that is there", async (t) => {
  const { send, store } = await platform(t);
  const made = await send("CreateDatasetVersion", { dataset: "orders", artifact, format: "csv" });
  assert.deepEqual([made.version, made.events], [1, ["DatasetCreated", "DatasetVersionCreated"]]);
  const other = await send("CreateDatasetVersion", { dataset: "orders", artifact: otherArtifact, format: "csv" });
  assert.equal(other.version, 2);
  const again = await send("CreateDatasetVersion", { dataset: "orders", artifact, format: "csv" });
  assert.deepEqual([again.version, again.events], [1, []]);
  const asked = await send("CreateDatasetFromQuery", { dataset: "late", query: "SELECT 1" });
  assert.equal(asked.version, 1);
  const [, version] = await eventsOf(store, "dataset-shop/late");
  assert.deepEqual((version.data as NewDatasetVersion).source, { kind: "query", text: "SELECT 1" });
  await assert.rejects(send("CreateDatasetFromQuery", { dataset: "x", query: "SELECT 1", table: "predictions" }), {
    code: "BAD_REQUEST",
  });
  await assert.rejects(send("CreateDatasetFromQuery", { dataset: "x" }), { code: "BAD_REQUEST" });
});
