import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { asMillraceError, type ErrorCode, errorTable, isMillraceError, MillraceError } from "../../schemas/errors.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const rooms = "{schemas,infra,ml,commands,serving,streams,training,projections,graphql,platform}/**/*.ts";
const source = [...globSync(rooms, { cwd: root }), "millrace.ts"]
  .filter((file) => !file.endsWith("schemas/errors.ts"))
  .map((file) => readFileSync(join(root, file), "utf8"))
  .join("\n");

const rows = new Map(
  readFileSync(join(root, "docs/errors.md"), "utf8")
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .filter((cells) => cells[1]?.startsWith("`"))
    .map(([, code, status, retry, meaning, remedy]) => [code.slice(1, -1), { status, retry, meaning, remedy }]),
);

describe("error table", () => {
  for (const [code, { status, retryable, meaning }] of Object.entries(errorTable)) {
    it(`${code} is raised somewhere`, () => {
      assert.ok(
        source.includes(`"${code}"`),
        `no file of a room names "${code}": raise it, or take it out of the table`,
      );
    });

    it(`${code} is documented as it is`, () => {
      const row = rows.get(code);
      assert.ok(row, `docs/errors.md has no row for ${code}`);
      const { remedy, ...told } = row;
      assert.deepEqual(told, { status: String(status), retry: retryable ? "yes" : "no", meaning });
      assert.ok(remedy, `docs/errors.md does not say what to do about ${code}`);
    });
  }

  it("documents no code that does not exist", () => {
    assert.deepEqual(
      [...rows.keys()].filter((code) => !(code in errorTable)),
      [],
    );
  });
});

describe("MillraceError", () => {
  it("knows its status and whether to try again, and keeps its cause", () => {
    const cause = new Error("below");
    const error = new MillraceError("STORAGE_FULL", "no room", { cause, details: { path: "x" } });
    assert.equal(error.status, 507);
    assert.equal(error.retryable, true);
    assert.equal(error.cause, cause);
    assert.deepEqual(error.details, { path: "x" });
    assert.equal(isMillraceError(error, "STORAGE_FULL"), true);
    assert.equal(isMillraceError(error, "INTERNAL"), false);
    assert.equal(isMillraceError(cause), false);
  });

  it("makes anything thrown a coded error", () => {
    const coded = new MillraceError("NOT_FOUND", "x");
    assert.equal(asMillraceError(coded), coded);
    for (const [thrown, message] of [
      [new TypeError("oops"), "oops"],
      ["text", "text"],
    ] as const) {
      const error = asMillraceError(thrown);
      assert.equal(error.code, "INTERNAL" satisfies ErrorCode);
      assert.equal(error.message, message);
      assert.equal(error.cause, thrown);
    }
  });
});
