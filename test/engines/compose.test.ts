import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { loadSettings, settingSpecs } from "../../infra/config.ts";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const compose = read("docker-compose.yml");

/** The lines `NAME: value` of Millrace's own environment. */
const environment = Object.fromEntries(
  /\n {2}millrace:\n[\s\S]*?\n {4}environment:\n((?: {6}.*\n)+)/
    .exec(compose)![1]
    .trimEnd()
    .split("\n")
    .map((line) => /^ {6}([A-Z][A-Z0-9_]*): (.*)$/.exec(line)!.slice(1)),
) as Record<string, string>;

describe("docker-compose.yml", () => {
  it("gives Millrace settings that there are, and that are read", () => {
    const known = Object.values(settingSpecs).map(({ env }) => env);
    assert.deepEqual(
      Object.keys(environment).filter((name) => !known.includes(name)),
      [],
    );
    const filled = Object.entries(environment).map(([name, value]) => [
      name,
      value.replace(/\$\{[^}]*\}/g, "0123456789abcdef"),
    ]);
    const settings = loadSettings({}, Object.fromEntries(filled));
    assert.equal(settings.broker, "kafka://kafka:9092");
    assert.equal(settings.warehouse, "http://millrace:0123456789abcdef@clickhouse:8123/millrace");
  });

  it("asks for no secret that .env.example does not name, and holds none", () => {
    const asked = [...compose.matchAll(/\$\{([A-Z][A-Z0-9_]*)/g)].map(([, name]) => name);
    const named = [...read(".env.example").matchAll(/^([A-Z][A-Z0-9_]*)=(.*)$/gm)].map(([, name, value]) => [
      name,
      value,
    ]);
    assert.deepEqual(new Set(asked), new Set(named.map(([name]) => name)));
    assert.ok(named.every(([, value]) => value === ""));
  });

  it("pins every image to a version", () => {
    const images = [...compose.matchAll(/^ {4}image: (.*)$/gm)].map(([, image]) => image);
    assert.ok(images.length > 5);
    assert.deepEqual(
      images.filter((image) => !/:v?\d+\.\d+[\w.-]*$/.test(image)),
      [],
    );
  });
});
