import { sources } from "../../../../examples/flights/definitions.ts";
import { avroType, frame } from "../../../../schemas/codec.ts";
import type { Door, Material } from "../door.ts";
import { mutateBytes, mutateJson } from "../mutate.ts";
import { below, chance, nastyText, pick, type Random, randomBytes, times, urlPart } from "../random.ts";
import { type HttpStep, http } from "../shot.ts";

const type = avroType(sources[0].schema);
const scheduled = Date.UTC(2001, 2, 5);
const departure = { flight: "fuzz", origin: "SFO", destination: "LAX", scheduled, distance: 337 };

const media = {
  json: "application/vnd.kafka.json.v2+json",
  avro: "application/vnd.kafka.avro.v2+json",
  binary: "application/vnd.kafka.binary.v2+json",
};

const produce = (format: keyof typeof media, body: unknown, topic = "departures"): HttpStep =>
  http("POST", `/topics/${topic}`, { headers: { "content-type": media[format] }, body: JSON.stringify(body) });

const framed = ({ schemaIds }: Material): Buffer => frame(schemaIds.departures, type, departure);
const base64 = (bytes: Buffer): object => ({ records: [{ value: bytes.toString("base64") }] });

const reads = [
  "/topics",
  "/topics/departures",
  "/topics/departures/partitions/0/offsets",
  "/topics/departures/partitions/0/records?offset=0&count=5",
];

/** Schemas whose bytes grow when they are read: arrays and maps of nothing. */
const swelling = JSON.stringify({
  type: "record",
  name: "Departure",
  namespace: "flights",
  fields: [{ name: "rows", type: { type: "array", items: "null" } }],
});

const zigzag = (value: number): Buffer => {
  const bytes: number[] = [];
  for (let rest = BigInt(value) * 2n; ; rest >>= 7n) {
    if (rest < 0x80n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 0x7fn) | 0x80);
  }
};

const shots: readonly ((random: Random, material: Material) => HttpStep)[] = [
  (random) => produce("json", mutateJson(random, { records: [{ value: departure }] })),
  (random) =>
    produce("json", mutateJson(random, { records: times(random, 20, () => ({ key: "SFO", value: departure })) }, 0.03)),
  (random, material) =>
    produce(
      "avro",
      mutateJson(random, { value_schema_id: material.schemaIds.departures, records: [{ value: departure }] }),
    ),
  (random) => produce("avro", mutateJson(random, { value_schema: sources[0].schema, records: [{ value: departure }] })),
  (random) => produce("avro", { value_schema: swelling, records: [{ value: { rows: [null] } }], x: nastyText(random) }),
  (random, material) => produce("binary", base64(mutateBytes(random, framed(material)))),
  (random) => {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(below(random, 8), 1);
    return produce("binary", base64(Buffer.concat([head, zigzag(2 ** below(random, 50)), randomBytes(random, 40)])));
  },
  (random) => produce("binary", base64(randomBytes(random, 200))),
  (random) => {
    const depth = below(random, 5000);
    const body = `{"records":[{"value":${"[".repeat(depth)}${"]".repeat(depth)}}]}`;
    return http("POST", "/topics/departures", {
      headers: { "content-type": pick(random, Object.values(media)) },
      body,
    });
  },
  (random) => {
    const body = mutateBytes(random, Buffer.from(JSON.stringify({ records: [{ value: departure }] })));
    return http("POST", "/topics/departures", {
      headers: { "content-type": pick(random, Object.values(media)) },
      body,
    });
  },
  (random) => produce("json", { records: [{ value: departure }] }, urlPart(random, 500)),
  (random) => {
    const query = `offset=${urlPart(random)}&count=${urlPart(random)}`;
    const partition = chance(random, 0.5) ? "0" : urlPart(random);
    return http(
      "GET",
      `/topics/${pick(random, ["departures", "flights.delays.predictions", urlPart(random)])}/partitions/${partition}/records?${query}`,
    );
  },
  (random) => {
    const header = pick(random, [
      "content-type",
      "accept",
      "content-encoding",
      "x-correlation-id",
      "origin",
      "expect-nothing",
    ]);
    const value = nastyText(random)
      .replace(/[^\t\x20-\x7e\x80-\xff]/g, "")
      .slice(0, 2000);
    return http("POST", "/topics/departures", {
      headers: { "content-type": media.json, [header]: value },
      body: JSON.stringify({ records: [{ value: departure }] }),
    });
  },
];

export const recordsDoor: Door = {
  name: "records",
  weight: 4,
  good: (material) => [
    produce("json", { records: [{ value: departure }] }),
    produce("avro", { value_schema_id: material.schemaIds.departures, records: [{ value: departure }] }),
    produce("binary", base64(framed(material))),
    ...reads.map((path) => http("GET", path)),
  ],
  shoot: (random, material) => [pick(random, shots)(random, material)],
};
