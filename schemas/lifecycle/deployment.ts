import type { Event } from "./event.ts";
import type { ModelRef } from "./model.ts";

/**
 * One input of a model. `from` is `event.<field>`, `<view>:<feature>`, or else a CEL expression over
 * `event` and `time` that yields a number or bool.
 */
export type Column = { name: string; from: string };

export type Variant = "champion" | "challenger" | "shadow";

/** Shares of champion and challengers sum to 1; a shadow scores everything, answers nothing, has share 0. */
export type TrafficSplit = (ModelRef & { variant: Variant; share: number })[];

/** How outcomes are recognised. `key` fields are in the trigger and in the outcome source. */
export type OutcomeDefinition = {
  source: string;
  key: string[];
  /** CEL over the outcome event: number, or bool for a binary task. */
  value: string;
  /** A prediction waits so long in event time. */
  horizonMs: number;
};

export type DeploymentDefinition = {
  /** Event source whose events ask for predictions. */
  trigger: string;
  columns: Column[];
  split: TrafficSplit;
  outcome: OutcomeDefinition | null;
  /** For a binary task: positive at or above it. */
  threshold: number;
};

export type DeploymentEvent =
  | Event<"DeploymentCreated", DeploymentDefinition>
  | Event<"TrafficChanged", { split: TrafficSplit }>
  | Event<"DeploymentStopped", Record<string, never>>;
