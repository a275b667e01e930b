import type { GuardedStage, ModelVersionDefinition } from "../../schemas/lifecycle/model.ts";
import type { LineageKind } from "../../schemas/lifecycle/policy.ts";
import { championOf } from "../model/stages.ts";
import type { Approval, Model } from "../model/state.ts";

/** What a policy looks at when a version wants to enter a stage. */
export type Candidate = {
  author: string;
  /** The job that has made the version: whoever submitted it is an author, too. */
  trainingJob: string | null;
  approvals: readonly Approval[];
  metrics: Readonly<Record<string, number>>;
  lineage: readonly LineageKind[];
  /** Metrics of the version that holds the stage now. */
  champion: Readonly<Record<string, number>> | null;
};

const lineageOf = ({ lineage, run }: ModelVersionDefinition): LineageKind[] => {
  const named: Record<LineageKind, boolean> = {
    run: run !== null || lineage.run !== null,
    dataset: lineage.datasets.length > 0,
    "training-job": lineage.trainingJob !== null,
    code: lineage.code !== null && lineage.code.trim() !== "",
  };
  return (Object.keys(named) as LineageKind[]).filter((kind) => named[kind]);
};

/** Null where there is nothing to judge: no such version, or one that holds the stage already. */
export const candidateFor = (state: Model | null, version: number, stage: GuardedStage): Candidate | null => {
  const found = state?.versions[version - 1];
  if (!state || !found || found.stage === stage) return null;
  const { definition, author, approvals } = found;
  return {
    author,
    trainingJob: definition.lineage.trainingJob,
    approvals: approvals.filter((approval) => approval.stage === null || approval.stage === stage),
    metrics: definition.metrics,
    lineage: lineageOf(definition),
    champion: championOf(state, stage)?.definition.metrics ?? null,
  };
};
