import { MillraceError } from "../../schemas/errors.ts";
import type { GuardedStage, ModelEvent, Stage } from "../../schemas/lifecycle/model.ts";
import type { Payload } from "../payloads.ts";
import { refused } from "../refusals.ts";
import { findVersion, type Model, type ModelVersion } from "./state.ts";

/** A rule of a stage's policy that a version does not meet, and what it lacks. */
export type FailedRule = { rule: "approvals" | "fourEyes" | "gate" | "lineage"; message: string };

/** A promotion, with what the stage's policy has against it. */
export type Transition = Payload<"TransitionStage"> & { failed: readonly FailedRule[] };

type StageChanged = Extract<ModelEvent, { type: "ModelVersionStageChanged" }>;

export const isGuarded = (stage: Stage): stage is GuardedStage => stage === "Staging" || stage === "Production";

/** The version that entered the stage last, of those that hold it; null when none does. */
export const championOf = (state: Model, stage: GuardedStage): ModelVersion | null => {
  const number = state.entered[stage].findLast((version) => state.versions[version - 1]?.stage === stage);
  return number === undefined ? null : state.versions[number - 1];
};

const othersIn = (state: Model, stage: GuardedStage, version: number): number[] =>
  state.versions
    .filter((known) => known.stage === stage && known.definition.version !== version)
    .map(({ definition }) => definition.version);

const said = (champion: number | null): string => (champion === null ? "no version" : `version ${champion}`);

/**
 * NOT_FOUND; ILLEGAL_STATE for a rejected version, and when another version holds the stage than the caller saw;
 * POLICY_NOT_MET with every rule that failed.
 */
export const transition = (command: Transition, state: Model): StageChanged[] => {
  const { model, version, stage, archiveExisting, comment, expectedChampion, failed } = command;
  const candidate = findVersion(state, model, version);
  const guarded = isGuarded(stage);
  if (guarded && candidate.status === "rejected") {
    throw refused(`version ${version} of model "${model}" is rejected; approve it before it enters ${stage}`);
  }
  if (guarded && expectedChampion !== undefined) {
    const champion = championOf(state, stage)?.definition.version ?? null;
    if (champion !== expectedChampion) {
      throw refused(
        `${said(champion)} of model "${model}" holds ${stage} by now, not ${said(expectedChampion)}; look again`,
      );
    }
  }
  const archived = guarded && archiveExisting ? othersIn(state, stage, version) : [];
  if (candidate.stage === stage && archived.length === 0) return [];
  if (candidate.stage !== stage && failed.length > 0) {
    throw new MillraceError(
      "POLICY_NOT_MET",
      `version ${version} of model "${model}" may not enter ${stage}: ${failed.map(({ message }) => message).join("; ")}`,
      { details: { model, version, stage, failed } },
    );
  }
  const data = { version, stage, from: candidate.stage, archived, rollback: false, comment };
  return [{ type: "ModelVersionStageChanged", data }];
};

/** The versions that held the stage before its champion, oldest first, that can hold it again. */
const earlierHolders = (state: Model, stage: GuardedStage, champion: number | null): number[] => {
  const entered = state.entered[stage];
  const before = champion === null ? entered : entered.slice(0, entered.lastIndexOf(champion));
  return before.filter((version) => {
    const { status } = state.versions[version - 1];
    return version !== champion && status !== "deleted" && status !== "rejected";
  });
};

/**
 * What held the stage once has met its policy then, and is not judged again: going back must always work.
 * ILLEGAL_STATE, naming the versions that one can go back to.
 */
export const rollBack = (command: Payload<"RollBackStage">, state: Model): StageChanged[] => {
  const { model, stage, to, comment } = command;
  const champion = championOf(state, stage)?.definition.version ?? null;
  if (to !== undefined && to === champion) return [];
  if (to !== undefined) findVersion(state, model, to);
  const earlier = earlierHolders(state, stage, champion);
  const target = to ?? earlier.at(-1);
  if (target === undefined || !earlier.includes(target)) {
    const which = to === undefined ? "no version" : `version ${to}`;
    const hint =
      earlier.length === 0 ? "promote one instead" : `one can go back to ${[...new Set(earlier)].join(", ")}`;
    throw refused(`${which} of model "${model}" held ${stage} before ${said(champion)} and can again; ${hint}`);
  }
  const from = state.versions[target - 1].stage;
  const data = { version: target, stage, from, archived: othersIn(state, stage, target), rollback: true, comment };
  return [{ type: "ModelVersionStageChanged", data }];
};

export const withStage = (state: Model, { version, stage, archived, rollback }: StageChanged["data"]): Model => {
  const versions = state.versions.map((known, i): ModelVersion => {
    if (i === version - 1) return { ...known, stage };
    return archived.includes(i + 1) ? { ...known, stage: "Archived" } : known;
  });
  if (!isGuarded(stage)) return { ...state, versions };
  const before = state.entered[stage];
  const path = rollback ? before.slice(0, before.lastIndexOf(version)) : before;
  return { ...state, versions, entered: { ...state.entered, [stage]: [...path, version] } };
};
