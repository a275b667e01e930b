import { MillraceError } from "../../schemas/errors.ts";
import type { GuardedStage, ModelVersionDefinition, Stage } from "../../schemas/lifecycle/model.ts";
import { sameValue } from "../identity.ts";
import type { KeyValues } from "../key-values.ts";

/** `stage` null counts for every stage. `admin`: by an administrator of the platform. */
export type Approval = { by: string; admin: boolean; stage: GuardedStage | null };

export type ModelVersion = {
  definition: ModelVersionDefinition;
  status: "pending" | "approved" | "rejected" | "deleted";
  /** Who created it. */
  author: string;
  description: string;
  tags: KeyValues;
  stage: Stage;
  approvals: readonly Approval[];
};

/** Version n stands at index n - 1. */
export type Model = {
  /** Null where it is the model's id. */
  name: string | null;
  /** Names that it had and gave up: others may take them. */
  formerNames: ReadonlySet<string>;
  description: string;
  tags: KeyValues;
  versions: readonly ModelVersion[];
  aliases: ReadonlyMap<string, number>;
  /** Of each stage the versions that entered it, oldest first; a rollback takes off those that it goes behind. */
  entered: Readonly<Record<GuardedStage, readonly number[]>>;
  status: "active" | "archived";
};

/** What a version is, before it has its number. Size, signature, task and columns were read from the file. */
export type NewModelVersion = Omit<ModelVersionDefinition, "version">;

/** The version of the same definition, where there is one. */
export const sameVersion = (state: Model, wanted: NewModelVersion): ModelVersion | undefined =>
  state.versions.find(
    ({ definition: { version: _, ...known }, status }) => status !== "deleted" && sameValue(known, wanted),
  );

/** NOT_FOUND naming the newest version, or saying that it was deleted. */
export const findVersion = (state: Model, name: string, version: number): ModelVersion => {
  const found = state.versions[version - 1];
  if (found === undefined) {
    const newest = state.versions.length;
    const hint = newest === 0 ? "it has none yet" : `its newest is ${newest}`;
    throw new MillraceError("NOT_FOUND", `model "${name}" has no version ${version}; ${hint}`);
  }
  if (found.status === "deleted") {
    throw new MillraceError("NOT_FOUND", `version ${version} of model "${name}" was deleted; create another`);
  }
  return found;
};

export const withVersion = (state: Model, version: number, change: Partial<ModelVersion>): Model => ({
  ...state,
  versions: state.versions.map((known, i) => (i === version - 1 ? { ...known, ...change } : known)),
});

export const aliasesOf = (state: Model, version: number): string[] =>
  [...state.aliases].filter(([, target]) => target === version).map(([alias]) => alias);
