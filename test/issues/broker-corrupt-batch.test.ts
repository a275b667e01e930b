import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it, type TestContext } from "node:test";
import fc from "fast-check";
import { readBatches, recordValue } from "../../infra/broker/batch.ts";
import { batchBuilder } from "../../infra/broker/batch-builder.ts";
import { sqliteBroker } from "../../infra/broker/sqlite.ts";
import { isMillraceError } from "../../schemas/errors.ts";

const builder = batchBuilder();
for (let i = 0; i < 5; i++)
  builder.add(`key ${i}`, Buffer.from(`value ${i}`), i, i === 3 ? { header: "h" } : undefined);
const blob = Buffer.from(builder.encode());
const read = (bytes: Uint8Array) => readBatches("orders", 1, [{ base: 40, count: 5, bytes }]);

describe("a record batch whose bytes have changed on disk", () => {
  it("is CORRUPT_BATCH, whichever bit it is, alone and among others", () => {
    fc.assert(
      fc.property(fc.nat(blob.length * 8 - 1), fc.boolean(), (bit, alone) => {
        const damaged = Buffer.from(blob);
        damaged[bit >> 3] ^= 1 << (bit & 7);
        const row = { base: 40, count: 5, bytes: damaged };
        assert.throws(
          () => readBatches("orders", 1, alone ? [row] : [{ base: 0, count: 5, bytes: blob }, row]),
          (error) => {
            assert.ok(isMillraceError(error, "CORRUPT_BATCH"), String(error));
            assert.deepEqual(error.details, { topic: "orders", partition: 1, offset: 40 });
            return true;
          },
        );
      }),
      { numRuns: 1000 },
    );
  });

  it("is CORRUPT_BATCH when it was cut off, at any length", () => {
    for (let length = 0; length < blob.length; length++) {
      assert.throws(
        () => read(blob.subarray(0, length)),
        (error) => isMillraceError(error, "CORRUPT_BATCH"),
        `${length} bytes`,
      );
    }
  });

  it("of an earlier release, without a checksum, is read as it is", () => {
    const old = Buffer.from(blob);
    old[0] = 1;
    old.writeUInt32LE(0, 12);
    assert.equal(recordValue(read(old), 4)?.toString(), "value 4");
  });

  const damagedFile = async (t: TestContext): Promise<string> => {
    const folder = mkdtempSync(join(tmpdir(), "millrace-corrupt-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, "millrace.db");
    const broker = sqliteBroker(path);
    await broker.ensureTopic("orders", { partitions: 2, cleanup: "delete" });
    for (const partition of [0, 1]) {
      await broker.produce("orders", [{ key: "k", value: Buffer.from("a value"), timestamp: 1, partition }]);
    }
    await broker.close();
    const db = new DatabaseSync(path);
    const { id, bytes } = db.prepare("SELECT id, bytes FROM broker_log WHERE part % 2 = 1").get() as {
      id: number;
      bytes: Uint8Array;
    };
    bytes[Buffer.from(bytes).indexOf("a value")] ^= 1;
    db.prepare("UPDATE broker_log SET bytes = ? WHERE id = ?").run(bytes, id);
    db.close();
    return path;
  };

  it("stops a reader at its topic, partition and offset, and no other partition", async (t) => {
    const broker = sqliteBroker(await damagedFile(t));
    t.after(() => broker.close());
    const partitions = [0, 1].map((partition) => ({ topic: "orders", partition }));
    const reader = broker.reader({ partitions, from: new Map() });
    await assert.rejects(reader.poll("orders", 1), (error) => {
      assert.ok(isMillraceError(error, "CORRUPT_BATCH"), String(error));
      assert.match(error.message, /orders\/1 at offset 0/);
      return true;
    });
    assert.equal((await reader.poll("orders", 0))?.count, 1);
  });
});
