import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { eventsPage } from "../../schemas/print-events.ts";
import { currentVersion, eventTypes } from "../../schemas/upcasters.ts";

const page = readFileSync(new URL("../../docs/events.md", import.meta.url), "utf8");

test("docs/events.md is what the definitions say", () => {
  assert.equal(page, eventsPage(), "print it anew: npm run events");
});

test("every event type is documented once, at its version", () => {
  for (const type of eventTypes) {
    const rows = [...page.matchAll(new RegExp(`^\\| \`${type}\` \\| (\\d+) \\|`, "gm"))];
    assert.deepEqual(
      rows.map(([, version]) => Number(version)),
      [currentVersion(type)],
      type,
    );
  }
});

test("every type that a payload names is declared in its section", () => {
  const given = ["Record", "ISO", "SHA", "UTC", "URI", "CEL"];
  for (const section of page.split(/^## /m).slice(2)) {
    const declared = new Set([...section.matchAll(/^type (\w+)/gm)].map(([, name]) => name));
    const code = section
      .replace(/\/\*\*[\s\S]*?\*\//g, "")
      .replace(/"[^"\n]*"/g, "")
      .replace(/^\| `\w+` \|/gm, "|");
    for (const [, name] of code.matchAll(/[:|&<(] *\(?([A-Z][A-Za-z]+)\b(?!-)/g)) {
      assert.ok(declared.has(name) || given.includes(name), `${section.split("\n")[0]}: ${name}`);
    }
  }
});
