import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { Settings } from "../infra/config.ts";
import type { Report } from "../infra/report.ts";
import type { StepWatch } from "../streams/runtime/step-watch.ts";
import type { Engines } from "./engines.ts";

/** The roles that run in threads; `api` has the main one. */
export type RoleName = "streams" | "projections" | "training";

/** Which of several equal threads of a role this one is. */
export type Share = { index: number; of: number };

export type RoleContext = {
  share: Share;
  engines: Engines;
  settings: Settings;
  /** ClickHouse HTTP URL of the warehouse, credentials included. */
  warehouseUrl: string;
  metrics: Registry;
  logger: Logger;
  signal: AbortSignal;
  /** Tells that the role does its work, with what it had before restored. */
  ready(): void;
  /** Makes `/health/ready` say what keeps a part from its work. All is cleared when the thread ends. */
  report: Report;
  /** As `report`, of what an operator should know though nothing is wrong: `/health/ready` shows it, and stays 200. */
  note: Report;
  /** Of work that goes step by step and may hold the thread: see `StepWatch`. */
  steps: StepWatch;
};

/** Runs until the signal, then drains; rejects when it cannot go on. */
export type Role = (context: RoleContext) => Promise<void>;
