import type { RecordBatch } from "../infra/broker/port.ts";
import type { SchemaRegistry } from "../infra/schema-registry/port.ts";
import type { SourceInfo } from "../ml/features/view.ts";
import { recordDecoder } from "../schemas/codec.ts";
import { eventTimeOf } from "../schemas/event-time.ts";

export type SourceDecoder = SourceInfo & {
  decode(batch: RecordBatch, index: number): Record<string, unknown>;
  /** Event time, UTC milliseconds. */
  timeOf(event: Record<string, unknown>): number;
};

/** Decoders by topic, with every schema that the registry holds at hand: decoding a replay must not wait. */
export const decoders = async (
  registry: SchemaRegistry,
  sources: readonly SourceInfo[],
): Promise<ReadonlyMap<string, SourceDecoder>> => {
  const schemas = new Map<number, string>();
  for (const subject of await registry.subjects()) {
    for (const { id, schema } of await registry.versions(subject)) schemas.set(id, schema);
  }
  return new Map(
    sources.map((source) => {
      const decoder = recordDecoder(source.schema, (id) => schemas.get(id));
      const decode = (batch: RecordBatch, index: number): Record<string, unknown> =>
        decoder.decode(batch.bytes, batch.valueStart[index], batch.valueEnd[index]);
      return [source.topic, { ...source, decode, timeOf: eventTimeOf(source.schema, source.timestamp) }];
    }),
  );
};
