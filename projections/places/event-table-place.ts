import type { EventStore, Position, StoredEvent } from "../../infra/event-store/port.ts";
import { comparePositions, START } from "../../infra/event-store/port.ts";
import { type LogMark, withMark } from "../../infra/log-marks.ts";
import type { Warehouse } from "../../infra/warehouse/open.ts";
import { deleteRows, lifecycleLog, type OnCut, reasonOf } from "./cut.ts";
import { keptMarks } from "./kept-marks.ts";

export type EventTablePlaceOptions = {
  eventStore: Pick<EventStore, "mark" | "agreed">;
  warehouse: Pick<Warehouse, "client" | "ddl">;
  table: { table: string; store?: string; replaces?: boolean };
  onCut: OnCut;
};

/** Where a table of lifecycle events ends in the event store, and whose log's events it is made of. */
export const eventTablePlace = ({ eventStore, warehouse, table, onCut }: EventTablePlaceOptions) => {
  const store = table.store ?? table.table;
  const kept = keptMarks(warehouse, store);
  let marks: readonly LogMark[] = [];
  let isKept = false;

  return {
    /** The position behind which to go on: rows of events that the store does not hold are deleted first. */
    async resume(position: Position): Promise<Position> {
      const [saved] = await kept.load([lifecycleLog]);
      const agreed = await eventStore.agreed(saved?.marks ?? [], position);
      marks = agreed.marks;
      if (comparePositions(agreed.position, position) >= 0) return position;
      // Of a row that has replaced another nothing is known of the other: all is written again.
      const to = table.replaces === true ? START : agreed.position;
      await deleteRows(warehouse, table.table, "position > {to:UInt64}", { to });
      onCut({ store, log: lifecycleLog, partition: 0, from: position, to, reason: reasonOf(agreed) });
      return to;
    },
    /** Before rows of events up to this one are written: keeps the log's mark. */
    async keep(last: StoredEvent): Promise<void> {
      const next = withMark(marks, await eventStore.mark(last));
      if (isKept && next === marks) return;
      await kept.save([{ log: lifecycleLog, partition: 0, marks: next }]);
      marks = next;
      isKept = true;
    },
  };
};
