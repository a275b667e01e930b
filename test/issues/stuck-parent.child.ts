import { fork } from "node:child_process";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { endWithParent } from "../../infra/end-with-parent.ts";

/** A process that starts itself as a child which is then in native code for ever. */
if (process.argv[2] === "child") {
  endWithParent();
  const endless = new DatabaseSync(":memory:").prepare(
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
  );
  process.send?.("stuck", () => endless.get());
} else {
  const child = fork(fileURLToPath(import.meta.url), ["child"]);
  child.once("message", () => process.send?.({ pid: child.pid }));
}
