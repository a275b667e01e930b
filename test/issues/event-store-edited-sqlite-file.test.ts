import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { sqliteEventStore } from "../../infra/event-store/sqlite.ts";
import { collect, newEvent } from "../contracts/event-store.contract.ts";
import { temporaryFolder } from "../e2e/platform.ts";

const registered = () => newEvent("ModelRegistered", { description: "", tags: {} });
const tagged = () => newEvent("ModelTagSet", { key: "k", value: "" });

/** A file with two models, of which somebody has edited the first. */
const edited = async (t: TestContext, sql: string) => {
  const path = join(temporaryFolder(t, "edited"), "millrace.db");
  const writer = sqliteEventStore(path);
  await writer.append("model-p/m", [registered(), tagged(), tagged()], "no-stream");
  await writer.append("model-p/n", [registered()], "no-stream");
  await writer.close();
  const db = new DatabaseSync(path);
  db.exec(sql);
  db.close();
  const store = sqliteEventStore(path);
  t.after(() => store.close());
  return store;
};

const second = "WHERE stream = 'model-p/m' AND revision = 1";
const edits: Record<string, { sql: string; code: string }> = {
  "data that are not JSON": { sql: `UPDATE events SET data = '{' ${second}`, code: "UNREADABLE_EVENT" },
  "data that are null": { sql: `UPDATE events SET data = 'null' ${second}`, code: "UNREADABLE_EVENT" },
  "metadata that are not JSON": { sql: `UPDATE events SET metadata = '' ${second}`, code: "UNREADABLE_EVENT" },
  "metadata that are null": { sql: `UPDATE events SET metadata = 'null' ${second}`, code: "UNREADABLE_EVENT" },
  "metadata that lack something": {
    sql: `UPDATE events SET metadata = json_remove(metadata, '$.at') ${second}`,
    code: "UNREADABLE_EVENT",
  },
  "a type that nobody knows": { sql: `UPDATE events SET type = 'ModelPainted' ${second}`, code: "UNKNOWN_EVENT" },
  "a version of a later release": {
    sql: `UPDATE events SET metadata = json_set(metadata, '$.schemaVersion', 99) ${second}`,
    code: "UNKNOWN_EVENT",
  },
  "a type of the platform that is a property of all objects": {
    sql: `UPDATE events SET type = 'constructor' ${second}`,
    code: "UNKNOWN_EVENT",
  },
};

for (const [what, { sql, code }] of Object.entries(edits)) {
  test(`an event with ${what} in an edited file stops its own stream alone, and is named`, async (t) => {
    const store = await edited(t, sql);
    await assert.rejects(collect(store.readStream("model-p/m")), (error: Error & { code: string; details: object }) => {
      assert.equal(error.code, code);
      assert.deepEqual(error.details, { stream: "model-p/m", revision: 1, position: "2" });
      return true;
    });
    assert.deepEqual(
      (await collect(store.readAll())).map(({ stream, revision }) => `${stream} ${revision}`),
      ["model-p/m 0", "model-p/n 0"],
    );
    assert.deepEqual(
      (await collect(store.examine())).map((fault) => [fault.code, fault.stream, fault.revision, fault.position]),
      [[code, "model-p/m", 1n, "2"]],
    );
    assert.equal((await collect(store.readStream("model-p/n"))).length, 1);
  });
}

for (const [what, condition] of [
  ["first", "revision = 0"],
  ["second", "revision = 1"],
]) {
  test(`a stream whose ${what} event was deleted from the file is incomplete, and is named`, async (t) => {
    const store = await edited(t, `DELETE FROM events WHERE stream = 'model-p/m' AND ${condition}`);
    await assert.rejects(collect(store.readStream("model-p/m")), { code: "HISTORY_INCOMPLETE" });
    assert.deepEqual(
      (await collect(store.examine())).map((fault) => [fault.code, fault.stream]),
      [["HISTORY_INCOMPLETE", "model-p/m"]],
    );
  });
}
