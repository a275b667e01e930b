import { MillraceError } from "../../schemas/errors.ts";
import type { ModelVersionDefinition } from "../../schemas/lifecycle.ts";
import { sameValue } from "../identity.ts";

export type ModelVersion = {
  definition: ModelVersionDefinition;
  status: "pending" | "approved" | "rejected";
};

/** Version n stands at index n - 1. */
export type Model = {
  description: string;
  versions: readonly ModelVersion[];
  aliases: ReadonlyMap<string, number>;
  status: "active" | "archived";
};

/** What a version is, before it has its number. Size, signature, task and columns were read from the file. */
export type NewModelVersion = Omit<ModelVersionDefinition, "version">;

/** The version of the same definition, where there is one. */
export const sameVersion = (state: Model, wanted: NewModelVersion): ModelVersion | undefined =>
  state.versions.find(({ definition: { version: _, ...known } }) => sameValue(known, wanted));

/** NOT_FOUND naming the newest version. */
export const findVersion = (state: Model, name: string, version: number): ModelVersion => {
  const found = state.versions[version - 1];
  if (found === undefined) {
    const newest = state.versions.length;
    const hint = newest === 0 ? "it has none yet" : `its newest is ${newest}`;
    throw new MillraceError("NOT_FOUND", `model "${name}" has no version ${version}; ${hint}`);
  }
  return found;
};

export const withVersion = (state: Model, version: number, status: ModelVersion["status"]): Model => ({
  ...state,
  versions: state.versions.map((known, i) => (i === version - 1 ? { ...known, status } : known)),
});
