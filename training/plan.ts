import { eventSource } from "../commands/event-source/decider.ts";
import { featureView } from "../commands/feature-view/decider.ts";
import type { Snapshot } from "../commands/references/platform-state.ts";
import { compileExpression, type Expression, fieldTypes } from "../ml/cel/compile.ts";
import { type ColumnPlan, planColumns } from "../ml/features/columns.ts";
import { isLocal, planView, type SourceInfo, type ViewPlan } from "../ml/features/view.ts";
import { MillraceError } from "../schemas/errors.ts";
import type { EventSourceDefinition } from "../schemas/lifecycle/event-source.ts";
import type { TrainingSpec } from "../schemas/lifecycle/training-job.ts";
import { applicationOf } from "../schemas/topics.ts";

/** Everything that a training set is built from, resolved at one moment. */
export type TrainingPlan = {
  spec: TrainingSpec;
  /** The application whose tasks took the trigger's records, and whose journals say in which order. */
  application: string;
  partitions: number;
  trigger: SourceInfo;
  label: { source: SourceInfo; value: Expression };
  columns: ColumnPlan;
  /** Sources whose events matter: those of the views, the trigger, the label. */
  sources: SourceInfo[];
};

/**
 * Resolves a specification against the platform's sources and views. TRAINING_FAILED, saying why, for what history
 * cannot give: above all a view that is not local to the trigger's application, whose values at a past moment depended
 * on another task's progress and so cannot be folded from the trigger's own journal.
 */
export const planTraining = (platform: Snapshot, project: string, spec: TrainingSpec): TrainingPlan => {
  const definitions = new Map<string, EventSourceDefinition>();
  for (const { id, state } of platform.all(eventSource, project)) {
    if (state.status === "active") definitions.set(id, state.definition);
  }
  const infos = [...definitions].map(([id, definition]) => infoOf(id, definition));
  const sourceNamed = (id: string): SourceInfo => {
    const source = infos.find((info) => info.name === id);
    if (source === undefined) throw failed(`the event source ${id} does not exist`);
    return source;
  };
  const applicationNamed = (id: string): string => applicationOf(project, definitions.get(id) as EventSourceDefinition);

  const trigger = sourceNamed(spec.trigger);
  const labelSource = sourceNamed(spec.label.source);
  const application = applicationNamed(spec.trigger);
  if (applicationNamed(spec.label.source) !== application) {
    throw failed(`${spec.label.source} has another key or partition count than ${spec.trigger}: they cannot be joined`);
  }
  const views = new Map<string, ViewPlan>();
  for (const { id, state } of platform.all(featureView, project)) {
    const known = state.definition.features.every(({ source }) => definitions.has(source));
    if (state.status === "active" && known) views.set(id, planView(id, state.version, state.definition, infos));
  }
  const columns = planColumns(spec.columns, trigger, views);
  for (const view of columns.views) {
    const home = view.sources.every((source) => applicationNamed(source) === application);
    if (home && isLocal(view, infos)) continue;
    throw failed(
      `the view ${view.view} is not local to ${spec.trigger}: its entity (${view.definition.entity.key.join(", ")}) does ` +
        `not contain the message key ${trigger.key}, or its sources are partitioned otherwise. It is served by look-up, ` +
        "and what a look-up saw at a past moment is not a function of the trigger's history; leave its columns out",
    );
  }
  const used = new Set([trigger.name, labelSource.name, ...columns.views.flatMap((view) => view.sources)]);
  return {
    spec,
    application,
    partitions: (definitions.get(spec.trigger) as EventSourceDefinition).partitions,
    trigger,
    label: {
      source: labelSource,
      value: compileExpression(spec.label.value, fieldTypes(labelSource.schema), "number|bool"),
    },
    columns,
    sources: infos.filter((info) => used.has(info.name)),
  };
};

const infoOf = (name: string, { topic, schema, key, timestamp }: EventSourceDefinition): SourceInfo => ({
  name,
  topic,
  schema,
  key,
  timestamp,
});

const failed = (reason: string): MillraceError =>
  new MillraceError("TRAINING_FAILED", `The training set cannot be built: ${reason}.`);
