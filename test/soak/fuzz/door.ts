import type { Known } from "./graphql-grammar.ts";
import type { Random } from "./random.ts";
import type { HttpStep, Shot } from "./shot.ts";

/** What a door's requests are made of: what stands on the platform that is fuzzed. */
export type Material = {
  known: Known;
  /** A file that no query may read, one that none may write, and a URL that none may ask. */
  canary: { file: string; write: string; url: string };
  schemaIds: { departures: number };
  /** Small files of each format, as the warehouse writes them. */
  files: Readonly<Record<"csv" | "json" | "parquet" | "avro", Buffer>>;
  model: Buffer;
  /** SHA-256 of an artifact that is there. */
  digest: string;
  experiment: string;
  /** Of a run of the experiment. */
  run: string;
};

export type Door = {
  name: string;
  /** How often it is tried, relative to the others. */
  weight: number;
  /** Requests as good clients send them: each is answered without an error. */
  good(material: Material): HttpStep[];
  /** A request that a good client does not send. */
  shoot(random: Random, material: Material): Shot["steps"];
};
