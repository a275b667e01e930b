import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { endpoint, project, sources } from "../../examples/flights/definitions.ts";
import { avroType, frame, frameBytes } from "../../schemas/codec.ts";
import { topicOf } from "../../schemas/topics.ts";
import { setUp } from "../e2e/flights.ts";
import { startPlatform, temporaryFolder, untilCount } from "../e2e/platform.ts";

const kafkaUrl = process.env.KAFKA_URL;
const hasKcat = spawnSync("kcat", ["-V"]).status === 0;
const skip = kafkaUrl === undefined ? "needs KAFKA_URL" : hasKcat ? false : "needs kcat (Debian: apt-get install kcat)";

const departure = (flight: string, minute: number) => ({
  flight,
  origin: "ATL",
  destination: "BOS",
  scheduled: Date.UTC(2001, 2, 1, 8, minute),
  distance: 946,
});

/** kcat with this input on its standard input; answers what it prints. */
const kcat = (args: readonly string[], input = ""): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const child = spawn("kcat", args, { stdio: ["pipe", "pipe", "pipe"] });
    const printed: Buffer[] = [];
    let said = "";
    child.stdout.on("data", (bytes: Buffer) => printed.push(bytes));
    child.stderr.on("data", (text) => {
      said += text;
    });
    child.on("close", (code) => {
      if (code === 0) resolve(Buffer.concat(printed));
      else reject(new Error(`kcat ${args.join(" ")}: ${said}`));
    });
    child.stdin.end(input);
  });

/** Values that kcat prints as `%R%s`: four bytes of length, then the value. */
const valuesIn = (printed: Buffer): Buffer[] => {
  const values: Buffer[] = [];
  for (let at = 0; at < printed.length; at += 4 + printed.readUInt32BE(at)) {
    values.push(printed.subarray(at + 4, at + 4 + printed.readUInt32BE(at)));
  }
  return values;
};

test("kcat feeds departures as JSON and as Avro, and reads the predictions", { skip }, async (t) => {
  const data = temporaryFolder(t, "kcat");
  const prefix = `kcat-${randomUUID().slice(0, 8)}.`;
  const broker = new URL(kafkaUrl as string).host;
  const platform = await startPlatform(t, data, { BROKER: `${kafkaUrl}?prefix=${prefix}` });
  await setUp(platform.client);

  const json = [departure("f1", 0), departure("f2", 1)].map((event) => `ATL:${JSON.stringify(event)}\n`).join("");
  await kcat(["-P", "-b", broker, "-t", `${prefix}departures`, "-K", ":"], json);

  const latest = await fetch(`${platform.url}/registry/subjects/departures-value/versions/latest`);
  const { id } = (await latest.json()) as { id: number };
  const [{ schema }] = sources;
  const file = join(data, "departure.avro");
  writeFileSync(file, frame(id, avroType(schema), departure("f3", 2)));
  await kcat(["-P", "-b", broker, "-t", `${prefix}departures`, "-k", "ATL", file]);

  // Of each departure one answer, and the shadow's.
  await untilCount(platform, "SELECT count() AS n FROM predictions", 6);
  const topic = prefix + topicOf.predictions(project, endpoint);
  const values = valuesIn(await kcat(["-C", "-b", broker, "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%R%s"]));
  const written = await fetch(`${platform.url}/registry/schemas/ids/${values[0].readUInt32BE(1)}`);
  const type = avroType(((await written.json()) as { schema: string }).schema);
  const predictions = values.map((value) => type.fromBuffer(value.subarray(frameBytes)) as { output: number });
  assert.equal(predictions.length, 6);
  for (const { output } of predictions) assert.ok(output > 0 && output < 1, `${output} is a probability`);
  assert.deepEqual(await platform.sql("SELECT * FROM dead_letters"), [], "all that kcat produced could be used");
});
