import { Readable } from "node:stream";
import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import type { CommandResult } from "../../commands/bus.ts";
import { schemaChanges } from "../../commands/dataset/schema-changes.ts";
import type { Actor } from "../../commands/gate.ts";
import { atMost, tooLarge } from "../../infra/artifacts/at-most.ts";
import { datasetView } from "../../projections/clickhouse/datasets/sql.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { actorOf } from "../actor.ts";
import type { ServerDeps } from "../deps.ts";
import { parseJson } from "./json-body.ts";

type Params = { project: string; dataset: string };
type Query = { format?: string };

const formats = ["csv", "json", "parquet", "avro"];

const byContentType: Readonly<Record<string, string>> = {
  "text/csv": "csv",
  "application/json": "json",
  "application/x-ndjson": "json",
  "application/jsonl": "json",
  "application/vnd.apache.parquet": "parquet",
  "application/avro": "avro",
  "application/vnd.apache.avro": "avro",
};

const contentType = ({ headers }: FastifyRequest): string =>
  (headers["content-type"] ?? "").split(";", 1)[0].trim().toLowerCase();

/** BAD_REQUEST where neither the query nor the content type says it. */
const formatOf = (request: FastifyRequest): string => {
  const { format = byContentType[contentType(request)] } = request.query as Query;
  if (format !== undefined && formats.includes(format)) return format;
  const said = format === undefined ? "" : `, got "${format}"`;
  throw new MillraceError("BAD_REQUEST", `format: expected one of ${formats.join(", ")}${said}`);
};

const MAX_QUERY_BYTES = 1 << 20;

const asJson = async (body: Readable): Promise<Record<string, unknown>> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MAX_QUERY_BYTES) throw new MillraceError("BAD_REQUEST", `a query has at most ${MAX_QUERY_BYTES} bytes`);
    chunks.push(chunk);
  }
  const value = parseJson(Buffer.concat(chunks).toString());
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new MillraceError("BAD_REQUEST", 'expected {"query": "SELECT …"} or {"table": "…"}');
};

/**
 * `PUT /projects/{project}/datasets/{dataset}?format=`: a file, streamed into the artifact store, becomes a version;
 * `POST` does the same, and without a format takes `{"query" or "table", "parameters"}` of the warehouse. Answers the
 * version, 201 for a new one and 200 for bytes that are a version already.
 */
export const datasetDoor =
  ({ artifacts, gate, commands, documents, settings }: ServerDeps): FastifyPluginAsync =>
  async (server) => {
    server.removeAllContentTypeParsers();
    server.addContentTypeParser("*", (_, payload, done) => done(null, payload));
    const { datasetMaxBytes } = settings;

    const allow = async (request: FastifyRequest): Promise<Actor> => {
      const actor = actorOf(request);
      await gate.authorize(actor, "CreateDatasetVersion", (request.params as Params).project);
      return actor;
    };

    const answer = async ({ project, dataset }: Params, { position, events, version }: CommandResult) => {
      await documents.waitFor(position);
      const found = await documents.get("datasetVersions", project, `${dataset}/${version}`);
      if (found === null) throw new MillraceError("PROJECTION_BEHIND", `version ${version} is not there yet`);
      const before = await documents.get("datasetVersions", project, `${dataset}/${found.version - 1}`);
      const { digest, format, size, rows, schema, profile, source } = found;
      return {
        dataset,
        version: found.version,
        isNew: events.includes("DatasetVersionCreated"),
        digest,
        format,
        size,
        rows,
        schema,
        schemaChanges: before === null ? [] : schemaChanges(before.schema, schema),
        profile,
        source,
        table: datasetView(project, dataset, found.version),
        position,
      };
    };

    const dispatch = async (request: FastifyRequest, actor: Actor, type: string, payload: object) => {
      const params = request.params as Params;
      const { project, dataset } = params;
      const key = request.headers["idempotency-key"];
      const result = await commands.dispatch({
        type,
        project,
        actor,
        correlationId: request.id,
        payload: { dataset, ...payload },
        ...(typeof key === "string" ? { idempotencyKey: key } : {}),
      });
      return answer(params, result);
    };

    const upload = async (request: FastifyRequest, actor: Actor) => {
      const format = formatOf(request);
      if (Number(request.headers["content-length"]) > datasetMaxBytes) throw tooLarge(datasetMaxBytes);
      const body = (request.body ?? Readable.from([])) as Readable;
      const { digest, size } = await artifacts.put(Readable.from(atMost(body, datasetMaxBytes), { objectMode: false }));
      if (size === 0) throw new MillraceError("INVALID_DATASET", "the file is empty");
      return dispatch(request, actor, "CreateDatasetVersion", { artifact: digest, format });
    };

    server.route({
      method: ["PUT", "POST"],
      url: "/projects/:project/datasets/:dataset",
      config: { isStreamed: true },
      async handler(request, reply) {
        const actor = await allow(request);
        const isAsked = request.method === "POST" && (request.query as Query).format === undefined;
        const made =
          isAsked && contentType(request) === "application/json"
            ? await dispatch(request, actor, "CreateDatasetFromQuery", await asJson(request.body as Readable))
            : await upload(request, actor);
        return reply.code(made.isNew ? 201 : 200).send(made);
      },
    });
  };
