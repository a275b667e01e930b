import { keyProblem } from "../../schemas/business-key.ts";
import { MillraceError } from "../../schemas/errors.ts";
import type { OutcomeDefinition } from "../../schemas/lifecycle/deployment.ts";
import type { EventSourceDefinition } from "../../schemas/lifecycle/event-source.ts";
import type { FeatureViewDefinition } from "../../schemas/lifecycle/feature-view.ts";
import { eventSource } from "../event-source/decider.ts";
import { recordFields } from "../event-source/source-schema.ts";
import { featureView } from "../feature-view/decider.ts";
import { existing, refused } from "../refusals.ts";
import type { Snapshot } from "./platform-state.ts";

export type NamedSource = EventSourceDefinition & { name: string };

/** A view with the sources that feed it. */
export type NamedView = { view: string; version: number; definition: FeatureViewDefinition; sources: NamedSource[] };

export const activeSources = (snapshot: Snapshot, project: string): NamedSource[] =>
  snapshot
    .all(eventSource, project)
    .filter(({ state }) => state.status === "active")
    .map(({ id, state }) => ({ name: id, ...state.definition }));

/** NOT_FOUND, ILLEGAL_STATE. */
export const activeSource = (snapshot: Snapshot, project: string, id: string): NamedSource => {
  const { definition, status } = existing(snapshot.find(eventSource, project, id), `event source "${id}"`);
  if (status !== "active") throw refused(`event source "${id}" is archived; use an active one`);
  return { name: id, ...definition };
};

/** NOT_FOUND, ILLEGAL_STATE. */
export const activeView = (snapshot: Snapshot, project: string, id: string): NamedView => {
  const { version, definition, status } = existing(snapshot.find(featureView, project, id), `feature view "${id}"`);
  if (status !== "active") throw refused(`feature view "${id}" is archived; use an active one`);
  const names = new Set(definition.features.map((feature) => feature.source));
  const sources = activeSources(snapshot, project).filter((source) => names.has(source.name));
  return { view: id, version, definition, sources };
};

/** The key fields of an outcome must be in the trigger and in the outcome's source, and be keys. INVALID_SCHEMA. */
export const checkOutcomeKey = (outcome: OutcomeDefinition, trigger: NamedSource, source: NamedSource): void => {
  for (const { name, schema } of [trigger, source]) {
    const fields = recordFields(schema);
    const missing = outcome.key.filter((field) => !fields.has(field));
    if (missing.length > 0) {
      throw new MillraceError(
        "INVALID_SCHEMA",
        `outcome.key: event source "${name}" has no field ${missing.join(", ")}; it has ${[...fields.keys()].join(", ")}`,
        { details: { source: name, missing } },
      );
    }
    const [problem] = outcome.key.map((field) => keyProblem(schema, field)).filter((found) => found !== null);
    if (problem !== undefined) {
      throw new MillraceError(
        "INVALID_SCHEMA",
        `outcome.key: in event source "${name}" ${problem}; a key is of text, numbers, booleans, enums, bytes, or ` +
          "records of these",
        { details: { source: name } },
      );
    }
  }
};

/** Predictions meet outcomes within one partition, so both must be dealt out by the same key. BAD_REQUEST. */
export const checkCoPartitioned = (trigger: NamedSource, source: NamedSource): void => {
  if (trigger.key === source.key && trigger.partitions === source.partitions) return;
  const said = ({ name, key, partitions }: NamedSource) => `"${name}" has key ${key} and ${partitions} partitions`;
  throw new MillraceError(
    "BAD_REQUEST",
    `outcome.source: it must have the trigger's key and partitions, but ${said(trigger)}, ${said(source)}`,
  );
};
