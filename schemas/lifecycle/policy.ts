import type { Event } from "./event.ts";
import type { GuardedStage } from "./model.ts";
import type { Role } from "./project.ts";

export type LineageKind = "run" | "dataset" | "training-job" | "code";

/** What a version must show before it may enter the stage. Its stream's id is the stage. */
export type PolicyDefinition = {
  stage: GuardedStage;
  /** How many people must have approved. */
  approvals: number;
  /** Roles whose approval counts. */
  roles: Role[];
  /** Who made the version does not count among them. */
  fourEyes: boolean;
  /** CEL, bool, over the version's metrics and the champion's: `ml/cel/gate.ts`. */
  gate: string | null;
  /** Kinds of origin that the version must name. */
  lineage: LineageKind[];
};

export type PolicyEvent = Event<"PolicySet", PolicyDefinition> | Event<"PolicyRemoved", Record<string, never>>;
