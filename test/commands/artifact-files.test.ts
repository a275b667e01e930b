import assert from "node:assert/strict";
import { test } from "node:test";
import { isPlainPath } from "../../commands/artifact-files.ts";
import { run } from "../../commands/run/decider.ts";
import { spec } from "./specification.ts";

const id = "0a".repeat(16);
const created = {
  type: "RunCreated",
  data: { experiment: "7", name: "first", user: "ann", startTime: 1, tags: {} },
} as const;
const file = (path: string, digest = "d1") => ({ path, digest, size: 1 });
const stored = (path: string, digest?: string) => ({ type: "RunArtifactStored", data: file(path, digest) }) as const;
const store = (path: string, digest?: string) =>
  ({ type: "StoreRunArtifact", data: { id, ...file(path, digest) } }) as const;
const remove = (path: string) => ({ type: "DeleteRunArtifacts", data: { id, path } }) as const;
const removed = (path: string) => ({ type: "RunArtifactsDeleted", data: { path } }) as const;

test("the same bytes at the same path are stored once, others take their place", () => {
  spec(run).given(created).when(store("a/b")).then(stored("a/b"));
  spec(run).given(created, stored("a/b")).when(store("a/b")).then();
  spec(run).given(created, stored("a/b")).when(store("a/b", "d2")).then(stored("a/b", "d2"));
  spec(run).given(created, stored("a/b"), removed("a")).when(store("a/b")).then(stored("a/b"));
});

test("a folder is deleted with all in it, and not what only begins like it", () => {
  spec(run).given(created, stored("a/b"), stored("ab")).when(remove("a")).then(removed("a"));
  spec(run).given(created, stored("ab")).when(remove("a")).then();
  spec(run).given(created, stored("a/b"), removed("a")).when(remove("a/b")).then();
  spec(run).given(created, stored("a/b"), stored("ab"), removed("a")).when(remove("")).then(removed(""));
});

test("a path leads to no other place", () => {
  for (const path of ["a", "a/b.c", "a b/ü", "..a/b.."]) assert.ok(isPlainPath(path), path);
  for (const path of ["", "/a", "a/", "a//b", "..", "a/../b", "./a", "a\\b", "c:/a", "a\u0000b", "a\nb"]) {
    assert.ok(!isPlainPath(path), path);
  }
});
