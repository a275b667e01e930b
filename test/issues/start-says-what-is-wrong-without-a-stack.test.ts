import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { root, temporaryFolder } from "../e2e/platform.ts";

const nobody = 65_534;

/** Root may write everywhere: a folder that is not to be written is tried as a user without rights. */
const start = (
  data: string,
  environment: Record<string, string>,
  withoutRights = false,
): Promise<{ code: number | null; output: string }> =>
  new Promise((resolve, reject) => {
    const args = ["--disable-warning=ExperimentalWarning", join(root, "millrace.ts"), "start", "--data", data];
    const child = spawn(process.execPath, [...args, "--port", "0"], {
      cwd: root,
      env: { PATH: process.env.PATH, ...environment },
      ...(withoutRights && process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {}),
      timeout: 60_000,
      killSignal: "SIGKILL",
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += String(text)));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
  });

type Case = {
  /** Makes the folder and answers the data directory and further settings. */
  prepare(folder: string): [data: string, environment?: Record<string, string>];
  says: RegExp;
  withoutRights?: boolean;
};

const database = (path: string, create: string): void => {
  const db = new DatabaseSync(path);
  db.exec(create);
  db.close();
};

const cases: Record<string, Case> = {
  "a folder that this user may not write": {
    prepare: (folder) => {
      chmodSync(folder, 0o555);
      return [folder];
    },
    says: /DATA_UNUSABLE: .*(lock|millrace)\.db cannot be (opened|written): .*/,
    withoutRights: true,
  },
  "a folder that cannot be made": {
    prepare: (folder) => {
      chmodSync(folder, 0o555);
      return [join(folder, "data")];
    },
    says: /DATA_UNUSABLE: .*data cannot be made: this user may not write there: give it the right to/,
    withoutRights: true,
  },
  "a file system without folders": {
    prepare: () => ["/proc/millrace"],
    says: /DATA_UNUSABLE: \/proc\/millrace cannot be made: .*choose another directory/,
  },
  "a file where the folder should be": {
    prepare: (folder) => {
      writeFileSync(join(folder, "data"), "");
      return [join(folder, "data")];
    },
    says: /DATA_UNUSABLE: .*data is a file where a directory must be/,
  },
  "a file in the way of the artifacts": {
    prepare: (folder) => {
      writeFileSync(join(folder, "artifacts"), "");
      return [folder];
    },
    says: /DATA_UNUSABLE: .*artifacts is a file where a directory must be/,
  },
  "a file in the way of the warehouse": {
    prepare: (folder) => {
      writeFileSync(join(folder, "warehouse"), "");
      return [folder];
    },
    says: /DATA_UNUSABLE: .*warehouse is a file where a directory must be/,
  },
  "another program's database": {
    prepare: (folder) => {
      database(join(folder, "millrace.db"), "CREATE TABLE bookmarks (url TEXT)");
      return [folder];
    },
    says: /DATA_UNUSABLE: .*millrace\.db is the database of another program: name another file/,
  },
  "another program's marked database": {
    prepare: (folder) => {
      database(join(folder, "millrace.db"), "PRAGMA application_id = 7; CREATE TABLE events (id TEXT)");
      return [folder];
    },
    says: /DATA_UNUSABLE: .*millrace\.db is the database of another program/,
  },
  "a database with tables of the same names": {
    prepare: (folder) => {
      database(join(folder, "millrace.db"), "CREATE TABLE events (id TEXT)");
      return [folder];
    },
    says: /DATA_UNUSABLE: .*millrace\.db is not a database of this release/,
  },
  "a broken file": {
    prepare: (folder) => {
      writeFileSync(join(folder, "millrace.db"), Buffer.alloc(40_000, "no database "));
      return [folder];
    },
    says: /DATA_UNUSABLE: .*millrace\.db is not a database: .*restore the backup/,
  },
  "a broken lock": {
    prepare: (folder) => {
      writeFileSync(join(folder, "lock.db"), Buffer.alloc(40_000, "no database "));
      return [folder];
    },
    says: /DATA_UNUSABLE: .*lock\.db is not a database/,
  },
  "a folder where a file should be": {
    prepare: (folder) => {
      mkdirSync(join(folder, "millrace.db"));
      return [folder];
    },
    says: /DATA_UNUSABLE: .*millrace\.db cannot be opened/,
  },
  "a broker that is not there": {
    prepare: (folder) => [folder, { BROKER: "kafka://127.0.0.1:1" }],
    says: /ENGINE_UNAVAILABLE: BROKER: .*127\.0\.0\.1:1/,
  },
  "an online store that is not there": {
    prepare: (folder) => [folder, { ONLINE_STORE: "redis://127.0.0.1:1" }],
    says: /ENGINE_UNAVAILABLE: .*127\.0\.0\.1:1.*ONLINE_STORE/,
  },
  "an event store that is not there": {
    prepare: (folder) => [folder, { EVENT_STORE: "kurrentdb://127.0.0.1:1?tls=false" }],
    says: /ENGINE_UNAVAILABLE: .*127\.0\.0\.1:1.*EVENT_STORE/,
  },
};

/** May be written again before it is removed. */
const lockableFolder = (t: TestContext): string => {
  let folder: string | null = null;
  t.after(() => folder !== null && chmodSync(folder, 0o755));
  folder = temporaryFolder(t, "start");
  return folder;
};

test("a start that cannot succeed says code, path and the way out in one line, and ends with 1", async (t) => {
  for (const [name, { prepare, says, withoutRights }] of Object.entries(cases)) {
    await t.test(name, async (t) => {
      const [data, environment = {}] = prepare(lockableFolder(t));
      const { code, output } = await start(data, environment, withoutRights);
      assert.match(output, says);
      assert.doesNotMatch(output, /^\s+at /m, "no stack");
      assert.equal(code, 1, output);
    });
  }
});
