import type { RecordBatch } from "../../infra/broker/port.ts";
import type { ViewState } from "../../ml/features/state.ts";
import { recordDecoder } from "../../schemas/codec.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import type { DecodedEvent, SchemaCache } from "../runtime/input.ts";
import type { Application } from "../topology.ts";

export type FoldedEvent = { topic: string; offset: number; event: DecodedEvent; time: number };

/**
 * A visitor for `replay` that decodes each record and applies it to the states as a task does; `then` sees the event
 * afterwards. A record that a task could not apply is passed over here, too.
 */
export const foldInto = (
  application: Application,
  schemas: SchemaCache,
  states: readonly ViewState[],
  then: (folded: FoldedEvent) => void = () => {},
): ((topic: string, batch: RecordBatch, index: number) => void) => {
  const inputs = new Map(
    application.inputs.map(({ topic, source }) => [
      topic,
      {
        source,
        decoder: recordDecoder(source.schema, schemas.get),
        states: states.filter((state) => state.plan.sources.includes(source.id)),
      },
    ]),
  );
  return (topic, batch, i) => {
    const input = inputs.get(topic);
    if (input === undefined) return;
    const event = input.decoder.decode(batch.bytes, batch.valueStart[i], batch.valueEnd[i]);
    const time = event[input.source.timestamp] as number;
    try {
      for (const state of input.states) state.apply(input.source.id, event, time);
    } catch (error) {
      if (!isMillraceError(error)) throw error;
      return;
    }
    then({ topic, offset: batch.offsets[i], event, time });
  };
};
