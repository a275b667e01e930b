import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { settingSpecs } from "../infra/config.ts";

/** What documents say of commands, settings and files, held against the tree. */
const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const readme = read("README.md");
const scripts = (JSON.parse(read("package.json")) as { scripts: Record<string, string> }).scripts;
const documents = ["README.md", ...globSync("docs/**/*.md", { cwd: root })];

/** Names of the entries of an object literal, as its source declares it. */
const entriesOf = (path: string, declaration: string): string[] => {
  const source = read(path);
  const start = source.indexOf(declaration);
  assert.notEqual(start, -1, `${path} declares "${declaration}"`);
  const body = source.slice(start, source.indexOf("\n};", start));
  return [...body.matchAll(/^ {2}"?([a-z-]+)"?: /gm)].map(([, name]) => name);
};

const section = (title: string): string => {
  const start = readme.indexOf(`\n## ${title}\n`);
  assert.notEqual(start, -1, `README.md has the section "${title}"`);
  const end = readme.indexOf("\n## ", start + 1);
  return readme.slice(start, end === -1 ? undefined : end);
};

/** Anchors as GitHub makes them. */
const anchorsOf = (text: string): Set<string> =>
  new Set(
    [...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
      title
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );

test("the two commands stand in the README as a stranger types them", () => {
  for (const command of ["npm ci && npm run demo", "npm ci && npm test"]) {
    assert.ok(readme.split("\n").includes(command), command);
  }
});

test("every script that a document names is in package.json", () => {
  for (const document of documents) {
    for (const [text, run, plain] of read(document).matchAll(/\bnpm (?:run ([a-z:-]+)|(start|test)\b)/g)) {
      assert.ok((run ?? plain) in scripts, `${document}: ${text}`);
    }
  }
});

test("every command of the command line is documented, and no other", () => {
  const commands = entriesOf("millrace.ts", "const commands: ");
  assert.ok(commands.includes("start"));
  const rows = [...section("Command line").matchAll(/^\| (.+?) \|/gm)].map(([, cell]) => cell);
  const documented = new Set(rows.flatMap((cell) => [...cell.matchAll(/`([a-z-]+)/g)].map(([, name]) => name)));
  assert.deepEqual([...documented].sort(), commands.sort());
  for (const document of documents) {
    for (const [text, name] of read(document).matchAll(/\bnpx millrace ([a-z-]+)/g)) {
      assert.ok(commands.includes(name), `${document}: ${text}`);
    }
  }
});

test("every bench is documented", () => {
  for (const name of entriesOf("bench/bench.ts", "const benches: ")) {
    assert.match(section("Development"), new RegExp(`\\b${name}\\b`), name);
  }
});

test("every setting is documented with its flag, and no other", () => {
  const rows = [...section("Settings").matchAll(/^\| `([A-Z_]+)` \| (.*?) \|/gm)];
  const documented = new Map(rows.map(([, env, flag]) => [env, flag]));
  for (const { env, flag } of Object.values(settingSpecs)) {
    assert.equal(documented.get(env), flag === undefined ? "" : `\`--${flag}\``, env);
  }
  assert.equal(documented.size, Object.keys(settingSpecs).length);
});

test("links inside the documents lead somewhere", () => {
  for (const document of documents) {
    for (const [, target] of read(document).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path, anchor] = target.split("#");
      const file = path === "" ? document : relative(root, join(root, dirname(document), path));
      assert.ok(existsSync(join(root, file)), `${document}: ${target}`);
      if (anchor !== undefined) assert.ok(anchorsOf(read(file)).has(anchor), `${document}: ${target}`);
    }
  }
});

test("files that the documents name exist", () => {
  const rooms = [
    "schemas",
    "infra",
    "ml",
    "commands",
    "serving",
    "streams",
    "training",
    "projections",
    "graphql",
    "platform",
  ];
  const named = new RegExp(`\`((?:${[...rooms, "test", "bench", "examples"].join("|")})/[\\w./-]*)\``, "g");
  for (const document of documents) {
    for (const [, path] of read(document).matchAll(named)) {
      assert.ok(existsSync(join(root, path)), `${document}: ${path}`);
    }
  }
});
