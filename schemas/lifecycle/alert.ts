import type { Event } from "./event.ts";

export type AlertDefinition = {
  monitor: string;
  deployment: string;
  model: string;
  version: number;
  column: string;
  statistic: string;
  value: number;
  threshold: number;
  /** Event-time window that was judged. */
  from: number;
  to: number;
  rows: number;
  message: string;
};

export type AlertEvent =
  | Event<"AlertRaised", AlertDefinition>
  | Event<"AlertAcknowledged", { comment: string }>
  | Event<"AlertResolved", { comment: string }>;
