import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, parse } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import type { Artifacts } from "../../../infra/artifacts/port.ts";
import { trackChild } from "../../../infra/children.ts";
import { fileBudget } from "./budget.ts";
import { invalid } from "./refusal.ts";

const program = fileURLToPath(new URL("./parquet-nested-process.ts", import.meta.url));

/** Node itself reserves about 600 MB of data that it does not use. */
const RESERVED_BYTES = 2 ** 30;

/** On Linux the kernel refuses memory beyond the budget; elsewhere only the heap is bounded. */
const commandOf = (args: readonly string[]): [command: string, args: string[]] => {
  const heap = `--max-old-space-size=${Math.floor(fileBudget.memoryBytes / 2 ** 20)}`;
  const all = ["--disable-warning=ExperimentalWarning", heap, program, ...args];
  if (process.platform !== "linux" || !existsSync("/bin/sh")) return [process.execPath, all];
  const kilobytes = Math.ceil((fileBudget.memoryBytes + RESERVED_BYTES) / 1024);
  return ["/bin/sh", ["-c", `ulimit -d ${kilobytes}; exec "$0" "$@"`, process.execPath, ...all]];
};

const MAX_WORDS = 4096;

/**
 * The nested columns of a Parquet file as RowBinary, a text of JSON that may be missing for each. The warehouse has no
 * lists and records that may be missing. What reads a stranger's file runs in a process of its own, which is ended when
 * it takes more time or memory than a statement over the file. INVALID_DATASET.
 */
export async function* nestedRows(
  artifacts: Artifacts,
  digest: string,
  columns: readonly number[],
): AsyncGenerator<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-parquet-"));
  let child: ChildProcess | null = null;
  try {
    const path = join(folder, "file.parquet");
    await pipeline(await artifacts.get(digest), createWriteStream(path));
    child = started(path, columns);
    yield* output(child);
  } finally {
    child?.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  }
}

const started = (path: string, columns: readonly number[]): ChildProcess => {
  const [command, args] = commandOf([path, columns.join(",")]);
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { MALLOC_ARENA_MAX: "2" },
    cwd: parse(process.execPath).root,
  });
  trackChild(child);
  return child;
};

const LENGTH_BYTES = 4;

/** The process says before each part how long it is. What ends within a part is left out. */
async function* wholeRows(bytes: Readable): AsyncGenerator<Buffer> {
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of bytes as AsyncIterable<Buffer>) {
    held = Buffer.concat([held, chunk]);
    while (held.length >= LENGTH_BYTES && held.length >= LENGTH_BYTES + held.readUInt32LE(0)) {
      const end = LENGTH_BYTES + held.readUInt32LE(0);
      yield held.subarray(LENGTH_BYTES, end);
      held = held.subarray(end);
    }
  }
}

async function* output(child: ChildProcess): AsyncGenerator<Buffer> {
  let words = "";
  let isLate = false;
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    if (words.length < MAX_WORDS) words += text;
  });
  const ended = once(child, "close") as Promise<[code: number | null]>;
  const deadline = setTimeout(() => {
    isLate = true;
    child.kill("SIGKILL");
  }, fileBudget.seconds * 1000);
  try {
    yield* wholeRows(child.stdout as Readable);
    const [code] = await ended;
    if (isLate) throw invalid(`its nested columns took more than ${fileBudget.seconds} seconds: split the file`);
    if (code === 0) return;
    if (code !== 1 || /heap out of memory|allocation failed/i.test(words)) {
      const gigabytes = fileBudget.memoryBytes / 2 ** 30;
      throw invalid(
        `its nested columns need more than ${gigabytes} GiB of memory at once: write it in smaller row groups`,
        {},
        new Error(words),
      );
    }
    const place = /^row (\d+), column "(.*)": /s.exec(words);
    throw invalid(
      place === null ? `its nested columns: ${words.slice(0, 500)}` : words.slice(0, 500),
      place === null ? {} : { row: Number(place[1]), column: place[2] },
    );
  } finally {
    clearTimeout(deadline);
  }
}
