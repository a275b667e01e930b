import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import type { Artifacts } from "../../infra/artifacts/port.ts";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const unknown = sha256(Buffer.from("nobody put this"));

export type ArtifactsSetup = {
  open: () => Promise<Artifacts>;
  /** Changes a byte of a stored object behind the store's back. */
  corrupt: (digest: string) => Promise<void>;
};

/** What every artifact store promises. */
export const artifactsContract = (name: string, { open, corrupt }: ArtifactsSetup): void => {
  describe(`artifacts: ${name}`, () => {
    let artifacts: Artifacts;
    before(async () => {
      artifacts = await open();
    });
    after(() => artifacts.close());

    it("names bytes by their digest, and gives them back", async () => {
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), async (bytes) => {
          const info = await artifacts.put(bytes);
          assert.deepEqual(info, { digest: sha256(bytes), size: bytes.length });
          assert.deepEqual(await artifacts.read(info.digest), Buffer.from(bytes));
        }),
        { numRuns: 20 },
      );
    });

    it("takes and gives streams", async () => {
      const bytes = randomBytes(3_000_000);
      const chunks = Array.from({ length: 30 }, (_, i) => bytes.subarray(i * 100_000, (i + 1) * 100_000));
      const { digest, size } = await artifacts.put(Readable.from(chunks), sha256(bytes));
      assert.equal(size, bytes.length);
      assert.deepEqual(await buffer(await artifacts.get(digest)), bytes);
      assert.deepEqual(await artifacts.stat(digest), { digest, size });
    });

    it("takes objects of many parts, in chunks of any size, and of no bytes at all", async () => {
      const bytes = randomBytes(21_000_001);
      const cuts = [0, 1, 5_000_000, 5_000_001, 13_000_000, 21_000_000, bytes.length];
      const chunks = cuts.slice(1).map((end, i) => bytes.subarray(cuts[i], end));
      const info = { digest: sha256(bytes), size: bytes.length };
      assert.deepEqual(await artifacts.put(Readable.from(chunks)), info);
      assert.equal((await artifacts.read(info.digest)).equals(bytes), true);
      assert.deepEqual(await artifacts.put(bytes), info);
      const nothing = { digest: sha256(Buffer.alloc(0)), size: 0 };
      assert.deepEqual(await artifacts.put(Readable.from([])), nothing);
      assert.deepEqual(await artifacts.read(nothing.digest), Buffer.alloc(0));
    });

    it("lets a reader go before the end", async () => {
      const { digest } = await artifacts.put(randomBytes(3_000_000));
      for await (const chunk of await artifacts.get(digest)) {
        assert.ok(chunk.length > 0);
        break;
      }
      assert.equal((await artifacts.read(digest)).length, 3_000_000);
    });

    it("gives a URL to read from, where it gives any", async () => {
      if (artifacts.presign === undefined) return;
      const bytes = randomBytes(1000);
      const { digest } = await artifacts.put(bytes);
      const url = await artifacts.presign(digest, { expiresInSeconds: 60 });
      assert.deepEqual(Buffer.from(await (await fetch(url)).arrayBuffer()), bytes);
      for (const expiresInSeconds of [0, -1, 1.5, 604_801]) {
        await assert.rejects(artifacts.presign(digest, { expiresInSeconds }), { code: "BAD_REQUEST" });
      }
      await assert.rejects(artifacts.presign("x", { expiresInSeconds: 60 }), { code: "BAD_REQUEST" });
    });

    it("puts the same bytes again without effect, also at the same time", async () => {
      const bytes = randomBytes(100_000);
      const infos = await Promise.all([
        artifacts.put(bytes),
        artifacts.put(Readable.from([bytes])),
        artifacts.put(bytes),
      ]);
      assert.deepEqual(new Set(infos.map(({ digest }) => digest)), new Set([sha256(bytes)]));
      assert.deepEqual(await artifacts.read(infos[0].digest), bytes);
    });

    it("keeps nothing of bytes that have another digest than expected", async () => {
      const bytes = randomBytes(10);
      await assert.rejects(artifacts.put(bytes, unknown), { code: "DIGEST_MISMATCH" });
      assert.equal(await artifacts.stat(sha256(bytes)), null);
      assert.equal(await artifacts.stat(unknown), null);
    });

    it("keeps nothing of a stream that fails", async () => {
      const half = randomBytes(1000);
      const failing = Readable.from(
        (async function* () {
          yield half;
          throw new Error("the sender went away");
        })(),
      );
      await assert.rejects(artifacts.put(failing), /the sender went away/);
      assert.equal(await artifacts.stat(sha256(half)), null);
    });

    it("says NOT_FOUND of what is not there, BAD_REQUEST of what is no digest", async () => {
      await assert.rejects(artifacts.get(unknown), { code: "NOT_FOUND" });
      await assert.rejects(artifacts.read(unknown), { code: "NOT_FOUND" });
      assert.equal(await artifacts.stat(unknown), null);
      for (const digest of ["", "../../secret", unknown.toUpperCase()]) {
        await assert.rejects(artifacts.read(digest), { code: "BAD_REQUEST" });
      }
    });

    it("never gives corrupt bytes a clean end, and heals when they are put again", async () => {
      const bytes = randomBytes(200_000);
      const { digest } = await artifacts.put(bytes);
      await corrupt(digest);
      await assert.rejects(artifacts.read(digest), { code: "CORRUPT_ARTIFACT" });
      await assert.rejects(buffer(await artifacts.get(digest)), { code: "CORRUPT_ARTIFACT" });
      await artifacts.put(bytes);
      assert.deepEqual(await artifacts.read(digest), bytes);
    });

    it("refuses what comes after close", async () => {
      const closed = await open();
      await closed.close();
      await assert.rejects(closed.put(Buffer.from("late")), { code: "CLOSED" });
    });
  });
};
