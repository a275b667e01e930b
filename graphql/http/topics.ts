import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import type { TopicConfig } from "../../infra/broker/port.ts";
import { isMillraceError, MillraceError } from "../../schemas/errors.ts";
import { actorOf } from "../actor.ts";
import type { ServerDeps } from "../deps.ts";
import { jsonParser } from "./json-body.ts";
import { kafkaRefusals, V2 } from "./kafka-refusal.ts";
import { peek, peekBytes } from "./peek.ts";
import { type ProduceFormat, produceBody, writerOf } from "./produce.ts";
import { toRecords } from "./records.ts";
import { refuseErrorsWith } from "./refusal.ts";
import { topicCatalog } from "./topic-catalog.ts";

const BODY_LIMIT = 33_554_432;
const MAX_PEEK = 1000;

const BINARY = "application/vnd.kafka.binary.v2+json";
const JSON_V2 = "application/vnd.kafka.json.v2+json";

const formats: Record<string, ProduceFormat> = {
  "application/json": "json",
  [JSON_V2]: "json",
  "application/vnd.kafka.avro.v2+json": "avro",
  [BINARY]: "binary",
};

type Params = { topic: string; partition: string };
type PeekQuery = { offset?: string; count?: string };

const formatOf = (request: FastifyRequest): ProduceFormat =>
  formats[(request.headers["content-type"] ?? "").split(";", 1)[0].trim().toLowerCase()] ?? "json";

/** How records are shown: as the proxy's consumers get bytes, to be read by any deserializer, or decoded. */
const shownAs = ({ headers }: FastifyRequest): typeof BINARY | typeof JSON_V2 | null => {
  const accepted = (headers.accept ?? "").split(",").map((range) => range.split(";", 1)[0].trim().toLowerCase());
  return accepted.includes(BINARY) ? BINARY : accepted.includes(JSON_V2) ? JSON_V2 : null;
};

const whole = (text: string | undefined, name: string, fallback: number, most = Number.MAX_SAFE_INTEGER): number => {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > most) {
    throw new MillraceError("BAD_REQUEST", `${name}: expected a whole number from 0 to ${most}, got "${text}"`);
  }
  return value;
};

/** Topics in the shape of Confluent's Kafka REST Proxy v2, and a look at what is in them. */
export const topicDoor =
  (deps: ServerDeps): FastifyPluginAsync =>
  async (server) => {
    const { broker, clock, eventStore, gate, logger, registry } = deps;
    refuseErrorsWith(server, deps, kafkaRefusals);
    const catalog = topicCatalog(eventStore, logger);
    server.addHook("onClose", () => catalog.close());
    server.removeAllContentTypeParsers();
    const parser = jsonParser({ flat: true });
    server.addContentTypeParser(Object.keys(formats), { parseAs: "string", bodyLimit: BODY_LIMIT }, parser);

    /** A topic's project: its event source's, or for the platform's own topics the first part of the name. */
    const projectOf = async (topic: string): Promise<string> =>
      (await catalog.find(topic))?.project ?? topic.split(".", 1)[0];

    const readable = async (request: FastifyRequest): Promise<{ topic: string; config: TopicConfig }> => {
      const { topic } = request.params as Params;
      await gate.authorize(actorOf(request), "query:topic", await projectOf(topic));
      const config = await broker.topic(topic);
      if (config === null) throw new MillraceError("UNKNOWN_TOPIC", `there is no topic "${topic}"`);
      return { topic, config };
    };

    const partitionIn = (request: FastifyRequest, topic: string, partitions: number): number => {
      const text = (request.params as Params).partition;
      const partition = Number(text);
      if (/^\d+$/.test(text) && partition < partitions) return partition;
      throw new MillraceError("NOT_FOUND", `topic "${topic}" has no partition ${text}, it has ${partitions}`);
    };

    const kafka = (reply: FastifyReply): FastifyReply => reply.type(V2);

    const mayProduce = async (request: FastifyRequest): Promise<void> =>
      gate.authorize(actorOf(request), "produce", await projectOf((request.params as Params).topic));

    server.post("/topics/:topic", { bodyLimit: BODY_LIMIT, onRequest: mayProduce }, async (request, reply) => {
      const { topic } = request.params as Params;
      const owner = await catalog.find(topic);
      if (owner === null) {
        throw new MillraceError("UNKNOWN_TOPIC", `no event source has the topic "${topic}": create one first`);
      }
      if (owner.archived) {
        throw new MillraceError("ILLEGAL_STATE", `the event source "${owner.source}" of topic "${topic}" is archived`);
      }
      const body = produceBody(request.body);
      const format = formatOf(request);
      const writer = await writerOf(format, registry, owner.definition, body);
      const isBinary = format === "binary";
      const records = toRecords(body.records, writer.ready, owner.definition, { clock, isBinary });
      const placed = await broker.produce(topic, records);
      return kafka(reply).send({
        offsets: placed.map(({ partition, offset }) => ({ partition, offset, error_code: null, error: null })),
        key_schema_id: null,
        value_schema_id: writer.schemaId,
      });
    });

    server.get("/topics", async (request, reply) => {
      const actor = actorOf(request);
      const names: string[] = [];
      for (const { topic } of await broker.topics()) {
        try {
          await gate.authorize(actor, "query:topic", await projectOf(topic));
          names.push(topic);
        } catch (error) {
          if (!isMillraceError(error, "FORBIDDEN")) throw error;
        }
      }
      return kafka(reply).send(names.sort());
    });

    server.get("/topics/:topic", async (request, reply) => {
      const { topic, config } = await readable(request);
      return kafka(reply).send({
        name: topic,
        configs: {
          "cleanup.policy": config.cleanup,
          ...(config.retentionMs === undefined ? {} : { "retention.ms": String(config.retentionMs) }),
          ...(config.maxRecordBytes === undefined ? {} : { "max.message.bytes": String(config.maxRecordBytes) }),
        },
        partitions: Array.from({ length: config.partitions }, (_, partition) => ({
          partition,
          leader: 0,
          replicas: [],
        })),
      });
    });

    server.get("/topics/:topic/partitions/:partition/offsets", async (request, reply) => {
      const { topic, config } = await readable(request);
      const partition = partitionIn(request, topic, config.partitions);
      const { low, high } = (await broker.watermarks(topic))[partition];
      return kafka(reply).send({ beginning_offset: low, end_offset: high });
    });

    server.get("/topics/:topic/partitions/:partition/records", async (request, reply) => {
      const { topic, config } = await readable(request);
      const partition = partitionIn(request, topic, config.partitions);
      const { offset, count } = request.query as PeekQuery;
      const at = {
        topic,
        partition,
        offset: whole(offset, "offset", 0),
        count: whole(count, "count", 10, MAX_PEEK),
      };
      const type = shownAs(request);
      if (type === BINARY) return reply.type(type).send(await peekBytes(broker, at));
      const records = await peek(broker, registry, at);
      return type === null ? records : reply.type(type).send(records.map((record) => ({ topic, ...record })));
    });
  };
