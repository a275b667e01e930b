import assert from "node:assert/strict";
import { join } from "node:path";
import { folderArtifacts } from "../../infra/artifacts/folder.ts";
import type { Artifacts } from "../../infra/artifacts/port.ts";
import type { EmbeddedWarehouseOptions } from "../../infra/warehouse/embedded.ts";
import type { DatasetProfile } from "../../ml/datasets/profile.ts";
import { loadDataset } from "../../projections/clickhouse/datasets/load.ts";
import { snapshotRows } from "../../projections/clickhouse/datasets/snapshot.ts";
import { datasetTable } from "../../projections/clickhouse/datasets/sql.ts";
import type { DatasetColumn, DatasetFormat } from "../../schemas/lifecycle/dataset.ts";
import { type Fixture, openFixture } from "../projections/clickhouse-fixture.ts";

type Content = string | Uint8Array;

type LoadedFile = {
  rows: number;
  size: number;
  schema: DatasetColumn[];
  /** The schema, a column as `name type`. */
  types: string[];
  table: string;
  described: DatasetProfile;
};

/** Datasets in a real embedded warehouse, without a platform around. */
export type Datasets = {
  fixture: Fixture;
  artifacts: Artifacts;
  load(content: Content, format: DatasetFormat): Promise<LoadedFile>;
  /** Keeps what a query of project `shop` holds now, and loads it. */
  ask(query: string): Promise<LoadedFile>;
  /** The rows of a table in the order of the file, a row a list of values; integers of 64 bits as texts. */
  cells(table: string): Promise<unknown[][]>;
  /** The bytes that the warehouse writes for a query. */
  exported(select: string, format: string): Promise<Buffer>;
  /** Asserts INVALID_DATASET. */
  refuses(content: Content, format: DatasetFormat, message: RegExp): Promise<void>;
  /** Names of the tables that begin so. */
  tables(prefix: string): Promise<string[]>;
  close(): Promise<void>;
};

export const openDatasets = async (options: Partial<EmbeddedWarehouseOptions> = {}): Promise<Datasets> => {
  const fixture = await openFixture(options);
  const artifacts = folderArtifacts(join(fixture.folder, "artifacts"));
  const engines = { warehouse: fixture.warehouse, artifacts };
  const loadStored = async (digest: string, format: DatasetFormat): Promise<LoadedFile> => {
    const { rows, size, schema, profile } = await loadDataset(engines, digest, format);
    const described = JSON.parse((await artifacts.read(profile)).toString()) as DatasetProfile;
    const types = schema.map(({ name, type }) => `${name} ${type}`);
    return { rows, size, schema, types, described, table: datasetTable(digest, format) };
  };
  const load = async (content: Content, format: DatasetFormat): Promise<LoadedFile> => {
    const { digest } = await artifacts.put(Buffer.from(content));
    return loadStored(digest, format);
  };
  const exported = async (select: string, format: string): Promise<Buffer> => {
    const { stream } = await fixture.warehouse.client.exec({ query: `${select} FORMAT ${format}` });
    return Buffer.concat(await stream.toArray());
  };
  return {
    fixture,
    artifacts,
    load,
    exported,
    ask: async (query) => {
      const { digest } = await snapshotRows(engines, "shop", { query, table: null, parameters: {} }, 10_000_000);
      return loadStored(digest, "query");
    },
    cells: async (table) => {
      const settings = "SETTINGS output_format_json_quote_64bit_integers = 1, output_format_json_quote_denormals = 1";
      const select = `SELECT * EXCEPT _row FROM ${table} ORDER BY _row ${settings}`;
      const text = (await exported(select, "JSONCompactEachRow")).toString().trim();
      return text.split("\n").map((line) => JSON.parse(line) as unknown[]);
    },
    refuses: (content, format, message) =>
      assert.rejects(load(content, format), (error: { code: string; message: string }) => {
        assert.equal(error.code, "INVALID_DATASET", error.message);
        assert.match(error.message, message);
        return true;
      }),
    tables: async (prefix) => {
      const found = await fixture.rows<{ name: string }>(
        `SELECT name FROM system.tables WHERE database = currentDatabase() AND startsWith(name, '${prefix}')`,
      );
      return found.map(({ name }) => name);
    },
    close: async () => {
      await artifacts.close();
      await fixture.close();
    },
  };
};

/** What the dataset door answers: a version, or an error with its code. */
export type DoorAnswer = {
  status: number;
  version: number;
  digest: string;
  rows: number;
  schema: DatasetColumn[];
  schemaChanges: object[];
  table: string;
  code: string;
  message: string;
  details?: { row?: number; column?: string };
};

/** The dataset door of a running platform, and its GraphQL. */
export const datasetDoor = (url: string) => {
  const send = async (path: string, body: Content, headers: Record<string, string> = {}, method = "PUT") => {
    const response = await fetch(`${url}/projects/${path}`, { method, body: Buffer.from(body), headers });
    return { status: response.status, ...((await response.json()) as Omit<DoorAnswer, "status">) } as DoorAnswer;
  };
  return {
    send,
    ask: (project: string, dataset: string, body: object) =>
      send(`${project}/datasets/${dataset}`, JSON.stringify(body), { "content-type": "application/json" }, "POST"),
    graphql: async <T>(query: string): Promise<T> => {
      const response = await fetch(`${url}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ query }),
      });
      const { data, errors } = (await response.json()) as { data: T; errors?: { extensions: { code: string } }[] };
      if (errors === undefined) return data;
      throw Object.assign(new Error(JSON.stringify(errors)), { code: errors[0].extensions.code });
    },
  };
};
