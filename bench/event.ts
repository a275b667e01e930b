import { randomUUID } from "node:crypto";
import type { NewEvent } from "../infra/event-store/port.ts";

/** One like those of a command, with an id of its own. */
export const event = (): NewEvent => ({
  id: randomUUID(),
  type: "ModelVersionApproved",
  data: { version: 1, comment: "x".repeat(100) },
  metadata: {
    $correlationId: "bench",
    $causationId: "bench",
    actor: "bench",
    project: "bench",
    schemaVersion: 1,
    at: Date.now(),
  },
});
