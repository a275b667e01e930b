import assert from "node:assert/strict";
import { test } from "node:test";
import { openWarehouse } from "../support/warehouse.ts";

/** What the library of a format threw was answered as 500 with a code of the engine's own defects. */
test("rows that a format cannot hold are the caller's mistake, with the library's reason", async (t) => {
  const { ask } = await openWarehouse(t);
  for (const search of ["", "wait_end_of_query=1"]) {
    const { status, text } = await ask("SELECT 1 AS `a name {of none` FORMAT Avro", { search });
    assert.equal(status, 400, text);
    assert.match(text, /^Code: 36\. DB::Exception: avro::Exception: Invalid name: a name \{of none/);
  }
});
