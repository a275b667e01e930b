import { createHash } from "node:crypto";
import { project } from "../../../../examples/flights/definitions.ts";
import type { Door, Material } from "../door.ts";
import { mutateBytes, mutateJson, mutateText } from "../mutate.ts";
import { below, chance, pick, type Random, randomBytes, urlPart } from "../random.ts";
import { graphql, type HttpStep, http, json, type Step } from "../shot.ts";

const octets = { "content-type": "application/octet-stream" };
const put = (bytes: Buffer, query = ""): HttpStep =>
  http("PUT", `/artifacts${query}`, { headers: octets, body: bytes });
const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

export const artifactDoor: Door = {
  name: "artifacts",
  weight: 2,
  good: ({ digest }) => [put(Buffer.from("good")), http("GET", `/artifacts/${digest}`)],
  shoot(random, { digest }): Step[] {
    const bytes = randomBytes(random, 2000);
    const flipped = digest.replace(/[0-9a-f]/, (c) => (c === "0" ? "1" : "0"));
    return pick<() => Step[]>(random, [
      () => [put(bytes, `?digest=${pick(random, [sha256(bytes), flipped, digest, urlPart(random)])}`)],
      () => [put(bytes, `?project=${urlPart(random)}`)],
      () => [
        http("GET", `/artifacts/${pick(random, [flipped, digest.toUpperCase(), urlPart(random), `${digest}/..`])}`),
      ],
      () => [
        http("GET", `/artifacts/${digest}?project=${urlPart(random)}`, {
          headers: { range: pick(random, ["bytes=0-", "bytes=-1", "bytes=9-1", "x"]) },
        }),
      ],
      () => [http(pick(random, ["HEAD", "DELETE", "POST", "PATCH"]), `/artifacts/${digest}`)],
    ])();
  },
};

const dataset = (name: string, format: string, body: Buffer, method = "PUT"): HttpStep =>
  http(method, `/projects/${project}/datasets/${name}?format=${format}`, { headers: octets, body });

const query = (body: unknown, name = "asked"): HttpStep => json("POST", `/projects/${project}/datasets/${name}`, body);

const wideCsv = (columns: number): Buffer =>
  Buffer.from(`${Array.from({ length: columns }, (_, i) => `c${i}`)}\n${Array.from({ length: columns }, () => "1")}\n`);

/** Ways to reach what a dataset's query may not: each names the canary. */
const reaches = ({ canary }: Material): string[] => [
  `SELECT file('${canary.file}') AS x`,
  `SELECT * FROM file('${canary.file}', 'LineAsString', 'l String')`,
  `SELECT arrayMap(file, ['${canary.file}'])`,
  `WITH file('${canary.file}') AS f SELECT f`,
  `SELECT \`file\`('${canary.file}')`,
  `SELECT * FROM url('${canary.url}', 'LineAsString', 'l String')`,
  "SELECT * FROM merge('default', 'documents') FINAL",
  "SELECT 1; SELECT 2",
  "INSERT INTO predictions SELECT * FROM predictions",
  `SELECT entity FROM predictions INTO OUTFILE '${canary.write}'`,
];

export const datasetDoor: Door = {
  name: "datasets",
  weight: 4,
  good: ({ files }) => [
    ...Object.entries(files).map(([format, bytes]) => dataset(`good-${format}`, format, bytes)),
    query({ query: "SELECT entity, output FROM predictions LIMIT 10" }, "good-query"),
  ],
  shoot(random, material): Step[] {
    const { files } = material;
    const format = pick(random, ["csv", "json", "parquet", "avro"] as const);
    const name = `fuzz${below(random, 20)}`;
    return pick<() => Step[]>(random, [
      () => [dataset(name, format, mutateBytes(random, files[format]))],
      () => [dataset(name, format, mutateBytes(random, files[format]))],
      () => [
        dataset(
          name,
          pick(random, ["csv", "json", "parquet", "avro", "xml", ""]),
          files[format],
          pick(random, ["PUT", "POST"]),
        ),
      ],
      () => [dataset(name, format, chance(random, 0.5) ? Buffer.alloc(0) : randomBytes(random, 500))],
      () => [dataset(name, "csv", wideCsv(below(random, 3000)))],
      () => [dataset(name, "json", Buffer.from(`{"a":${"[".repeat(below(random, 5000))}`))],
      () => [dataset(urlPart(random, 200), format, files[format])],
      () => [{ ...query({ query: pick(random, reaches(material)) }), mustRefuse: true }],
      () => [{ ...query({ query: pick(random, costly) }), leaveAfterMs: leaveAfter(random) }],
      () => [query({ query: mutateText(random, pick(random, reaches(material))) })],
      () => [
        query(
          mutateJson(random, {
            query: "SELECT entity, output FROM predictions WHERE output > {x:Float64}",
            parameters: { x: "0.5" },
          }),
        ),
      ],
      () => [query(mutateJson(random, { table: "predictions" }))],
    ])();
  },
};

const leaveAfter = (random: Random): number => 1000 + below(random, 15_000);

const costly = [
  "SELECT * FROM system.tables",
  "SELECT * FROM numbers(1000000000000)",
  "SELECT sum(cityHash64(number)) FROM numbers(1000000000000)",
  "SELECT sleepEachRow(3) FROM numbers(100)",
  "SELECT groupArray(number) FROM numbers(10000000000)",
  "SELECT repeat('x', 1000000000)",
];

const model = (artifact: string, extra: object = {}): HttpStep =>
  graphql(
    `mutation ($input: CreateModelVersionInput!) { createModelVersion(project: "${project}", input: $input) { position events modelVersion { version } } }`,
    { input: { model: "fuzzed", artifact, task: "binary", ...extra } },
  );

/** ONNX files that were changed: nothing of them may stop the process that looks at them. */
export const modelDoor: Door = {
  name: "models",
  weight: 2,
  good: (material) => [put(material.model), model(sha256(material.model))],
  shoot(random, material): Step[] {
    const bytes = chance(random, 0.9) ? mutateBytes(random, material.model) : randomBytes(random, 3000);
    const extra = chance(random, 0.3)
      ? (mutateJson(random, { columns: ["a", "b"], metrics: { auc: 0.5 } }) as object)
      : {};
    return [put(bytes), model(sha256(bytes), extra)];
  },
};
