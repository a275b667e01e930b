import type { RecordBatch } from "../../infra/broker/port.ts";
import type { ViewState } from "../../ml/features/state.ts";
import { recordDecoder } from "../../schemas/codec.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import type { DecodedEvent, SchemaCache } from "../runtime/input.ts";
import type { Application } from "../topology.ts";

export type FoldedEvent = { topic: string; offset: number; event: DecodedEvent; time: number };

export type FoldOptions = {
  /** Sees the event once it is applied. */
  then?: (folded: FoldedEvent) => void;
  /** Told of each view that goes on without a record. */
  unread?: (view: string, batch: RecordBatch, index: number, error: unknown) => void;
};

/**
 * A visitor for `replay` that decodes each record and applies it to the states as a task does. A record that a task
 * could not apply is passed over here, too; and one that can no longer be decoded, since its source's schema has
 * changed, does not keep the states from all others.
 */
export const foldInto = (
  application: Application,
  schemas: SchemaCache,
  states: readonly ViewState[],
  { then = () => {}, unread = () => {} }: FoldOptions = {},
): ((topic: string, batch: RecordBatch, index: number) => void) => {
  const inputs = new Map(
    application.inputs.map(({ topic, source, timeOf }) => [
      topic,
      {
        source,
        timeOf,
        decoder: recordDecoder(source.schema, schemas.get),
        states: states.filter((state) => state.plan.sources.includes(source.id)),
      },
    ]),
  );
  return (topic, batch, i) => {
    const input = inputs.get(topic);
    if (input === undefined) return;
    let event: DecodedEvent;
    try {
      event = input.decoder.decode(batch.bytes, batch.valueStart[i], batch.valueEnd[i]);
    } catch (error) {
      if (!isMillraceError(error)) throw error;
      for (const state of input.states) unread(state.plan.view, batch, i, error);
      return;
    }
    const time = input.timeOf(event);
    try {
      for (const state of input.states) state.apply(input.source.id, event, time);
    } catch (error) {
      if (!isMillraceError(error)) throw error;
      return;
    }
    then({ topic, offset: batch.offsets[i], event, time });
  };
};
