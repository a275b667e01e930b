import { MillraceError } from "../../schemas/errors.ts";
import type { Column, TrafficSplit } from "../../schemas/lifecycle/deployment.ts";
import {
  isServable,
  type ModelVersionDefinition,
  type ServableVersion,
  type Task,
} from "../../schemas/lifecycle/model.ts";
import type { PolicyDefinition } from "../../schemas/lifecycle/policy.ts";
import { model } from "../model/decider.ts";
import { isGuarded } from "../model/stages.ts";
import { findVersion } from "../model/state.ts";
import { existing, refused } from "../refusals.ts";
import type { Snapshot } from "./platform-state.ts";

/** SIGNATURE_MISMATCH, naming the columns, unless a version takes exactly these columns in this order. */
const checkSignature = (ref: string, takes: readonly string[], columns: readonly Column[]): void => {
  const names = columns.map(({ name }) => name);
  const missing = takes.filter((name) => !names.includes(name));
  const unknown = names.filter((name) => !takes.includes(name));
  const list = (label: string, values: string[]) => (values.length === 0 ? [] : [`${label} ${values.join(", ")}`]);
  const found = [...list("the deployment lacks", missing), ...list("the model does not take", unknown)];
  if (found.length === 0 && takes.some((name, i) => name !== names[i])) {
    found.push(`the order differs: the model takes ${takes.join(", ")}`);
  }
  if (found.length === 0) return;
  throw new MillraceError("SIGNATURE_MISMATCH", `version ${ref} does not fit the columns: ${found.join("; ")}`, {
    details: { version: ref, missing, unknown, expected: takes },
  });
};

/** ILLEGAL_STATE for a version that cannot be served. */
export const servable = (definition: ModelVersionDefinition, ref: string): ServableVersion => {
  if (isServable(definition)) return definition;
  throw refused(`version ${ref} is not an ONNX model; it can be registered, but not be deployed`);
};

/**
 * Every version of a split must be approved, or hold a stage, and take the columns, and all must do the same task, which is answered.
 * NOT_FOUND, ILLEGAL_STATE, SIGNATURE_MISMATCH.
 */
export const checkVersions = (
  snapshot: Snapshot,
  project: string,
  split: TrafficSplit,
  columns: readonly Column[],
): Task => {
  const tasks = split.map(({ model: name, version }): Task => {
    const state = existing(snapshot.find(model, project, name), `model "${name}"`);
    if (state.status === "archived") throw refused(`model "${name}" is archived; deploy another`);
    const { definition, status, stage } = findVersion(state, name, version);
    const served = servable(definition, `${name}/${version}`);
    if (status !== "approved" && !isGuarded(stage))
      throw refused(`version ${name}/${version} is ${status}; approve it before it is deployed`);
    checkSignature(`${name}/${version}`, served.columns, columns);
    return served.task;
  });
  if (new Set(tasks).size > 1)
    throw refused(`the versions of a split must do the same task, not ${tasks.join(" and ")}`);
  return tasks[0];
};

/** Where Production has a policy, the champion must have met it. ILLEGAL_STATE. */
export const checkChampion = (
  snapshot: Snapshot,
  project: string,
  split: TrafficSplit,
  policy: PolicyDefinition | null,
): void => {
  if (policy === null) return;
  for (const { model: name, version, variant } of split) {
    if (variant !== "champion") continue;
    const { stage } = findVersion(existing(snapshot.find(model, project, name), `model "${name}"`), name, version);
    if (stage === "Production") continue;
    throw refused(
      `Production has a policy, so the champion of a deployment must hold that stage; version ${name}/${version} has the stage ${stage}: promote it first`,
    );
  }
};
