import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { openArtifacts } from "../../infra/artifacts/open.ts";
import { artifactsContract } from "../contracts/artifacts.contract.ts";

const directory = mkdtempSync(join(tmpdir(), "millrace-artifacts-"));
after(() => rmSync(directory, { recursive: true, force: true }));

const folder = join(directory, "contract");
artifactsContract("folder", {
  open: () => openArtifacts(`file:${folder}`),
  corrupt: async (digest) => {
    const path = join(folder, digest.slice(0, 2), digest);
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1] ^= 1;
    writeFileSync(path, bytes);
  },
});

describe("folder of artifacts", () => {
  it("leaves no file behind that has no name", async () => {
    const incoming = readdirSync(join(folder, "incoming"), { recursive: true, withFileTypes: true });
    assert.deepEqual(
      incoming.filter((file) => file.isFile()).map(({ name }) => name),
      [],
    );
  });

  it("removes what a process that is gone left unfinished", async () => {
    const dir = join(directory, "crashed");
    const child = spawn(process.execPath, ["-e", ""]);
    await once(child, "exit");
    const left = join(dir, "incoming", String(child.pid));
    mkdirSync(left, { recursive: true });
    writeFileSync(join(left, "half"), "half");
    const artifacts = await openArtifacts(pathToFileURL(dir).href);
    await artifacts.put(Buffer.from("whole"));
    assert.equal(existsSync(left), false);
    await artifacts.close();
  });

  it("answers STORAGE_FULL when there is no room, and keeps nothing", async () => {
    const dir = join(directory, "full");
    const module = new URL("../../infra/artifacts/folder.ts", import.meta.url).href;
    const script = `
      const { folderArtifacts } = await import(${JSON.stringify(module)});
      const artifacts = folderArtifacts(${JSON.stringify(dir)});
      await artifacts.put(Buffer.alloc(1000));
      console.log(await artifacts.put(Buffer.alloc(4_000_000)).catch((error) => error.code));
    `;
    // The limit of a file's size stands in for a full disk; the signal that comes with it is ignored.
    const limited = `trap '' XFSZ; unset NODE_V8_COVERAGE; ulimit -f 1000; exec "$0" --input-type=module -e "$1"`;
    const child = spawn("sh", ["-c", limited, process.execPath, script], { stdio: ["ignore", "pipe", "inherit"] });
    assert.equal((await text(child.stdout)).trim(), "STORAGE_FULL");
    const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
    assert.equal(files.length, 1);
  });

  it("refuses a URL of no known engine, and one without a folder", async () => {
    await assert.rejects(openArtifacts("ftp://x"), { code: "INVALID_SETTING", message: /ARTIFACTS.*file:/ });
    await assert.rejects(openArtifacts("file:"), { code: "INVALID_SETTING" });
  });
});
