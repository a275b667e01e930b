import type { Artifacts } from "../infra/artifacts/port.ts";
import type { Broker } from "../infra/broker/port.ts";
import { type Clock, systemClock } from "../infra/clock.ts";
import type { EventStore } from "../infra/event-store/port.ts";
import type { SchemaRegistry } from "../infra/schema-registry/port.ts";
import { MillraceError } from "../schemas/errors.ts";
import type { Column, OutcomeDefinition } from "../schemas/lifecycle/deployment.ts";
import type { EventSourceDefinition } from "../schemas/lifecycle/event-source.ts";
import type { FeatureViewDefinition } from "../schemas/lifecycle/feature-view.ts";
import type { Task } from "../schemas/lifecycle/model.ts";
import type { MonitorDefinition } from "../schemas/lifecycle/monitor.ts";
import type { Checks } from "./checks.ts";
import { checkColumnNames, featureOf, viewsOf } from "./deployment/columns.ts";
import { deployment } from "./deployment/decider.ts";
import { eventSource } from "./event-source/decider.ts";
import { featureView } from "./feature-view/decider.ts";
import { model } from "./model/decider.ts";
import { findVersion } from "./model/state.ts";
import { governanceChecks, type MetricGate } from "./references/governance.ts";
import { checkLogReadable } from "./references/log-schemas.ts";
import { platformState, type Snapshot } from "./references/platform-state.ts";
import { checkChampion, checkVersions, servable } from "./references/signature.ts";
import {
  activeSource,
  activeSources,
  activeView,
  checkCoPartitioned,
  checkOutcomeKey,
  type NamedSource,
  type NamedView,
} from "./references/sources.ts";
import { trackingChecks } from "./references/tracking.ts";
import { activeDeployments, checkFeaturesStay, checkUnused, viewsFedBy } from "./references/usage.ts";
import { existing, refused } from "./refusals.ts";

/** The checks that need the learning code: it lives in a room that this one may not import. */
export type LearningChecks = {
  /** Throws INVALID_FEATURE_VIEW or INVALID_EXPRESSION. `planView` of `ml/features/view.ts` fits. */
  planFeatureView(view: string, version: number, definition: FeatureViewDefinition, sources: NamedSource[]): unknown;
  /** INVALID_MODEL, NOT_FOUND, CORRUPT_ARTIFACT. */
  inspectModel: Checks["inspectModel"];
  /** Throws BAD_REQUEST or INVALID_EXPRESSION naming the column. */
  checkColumns(project: string, columns: Column[], trigger: NamedSource, views: NamedView[]): unknown;
  /** Throws INVALID_EXPRESSION unless `value` yields a number, or a bool for a binary task, over the source's events. */
  checkOutcome(value: string, source: NamedSource, task: Task): unknown;
  /** INVALID_EXPRESSION. `compileGate` of `ml/cel/gate.ts` fits. */
  compileGate(gate: string): MetricGate;
};

/** The checks that need the warehouse. */
export type DatasetChecks = Pick<Checks, "loadDataset" | "snapshotDataset">;

export type PlatformChecksDeps = LearningChecks & {
  /** Absent where there is no warehouse. */
  datasets?: DatasetChecks;
  eventStore: EventStore;
  registry: SchemaRegistry;
  broker: Broker;
  artifacts: Artifacts;
  clock?: Clock;
};

/** Of a process that gives no command of datasets. */
const noDatasets: DatasetChecks = {
  loadDataset: () => Promise.reject(refused("this process has no warehouse: ask one with the role api")),
  snapshotDataset: () => Promise.reject(refused("this process has no warehouse: ask one with the role api")),
};

/** Topics that the platform writes itself: `topicOf` of schemas/topics.ts. */
const reserved = /\.(predictions|outcomes|tiles|drift|dead-letters|changelog|journal|rekey)$/;

/** The checks against the platform's own state, its registry, broker and artifacts. */
export const platformChecks = (deps: PlatformChecksDeps): Checks => {
  const { registry, broker, artifacts } = deps;
  const platform = platformState(deps.eventStore);
  const { policyOf, ...governance } = governanceChecks(deps.eventStore, deps.compileGate);

  const checkColumns = async (
    snapshot: Snapshot,
    project: string,
    columns: Column[],
    trigger: NamedSource,
  ): Promise<void> => {
    checkColumnNames(columns);
    const views = viewsOf(columns).map((view) => activeView(snapshot, project, view));
    for (const column of columns) {
      const read = featureOf(column);
      const features = views.find(({ view }) => view === read?.view)?.definition.features.map(({ name }) => name);
      if (read === null || features === undefined || features.includes(read.feature)) continue;
      throw new MillraceError(
        "NOT_FOUND",
        `column "${column.name}": feature view "${read.view}" has no feature "${read.feature}"; it has ${features.join(", ")}`,
      );
    }
    await deps.checkColumns(project, columns, trigger, views);
  };

  const checkOutcome = async (outcome: OutcomeDefinition, trigger: NamedSource, source: NamedSource, task: Task) => {
    checkOutcomeKey(outcome, trigger, source);
    checkCoPartitioned(trigger, source);
    await deps.checkOutcome(outcome.value, source, task);
  };

  const taskOf = (snapshot: Snapshot, project: string, split: { model: string; version: number }[]): Task => {
    const [{ model: name, version }] = split;
    const state = existing(snapshot.find(model, project, name), `model "${name}"`);
    return servable(findVersion(state, name, version).definition, `${name}/${version}`).task;
  };

  return {
    ...governance,
    ...trackingChecks(deps.eventStore, deps.clock ?? systemClock),

    inspectModel: deps.inspectModel,

    ...(deps.datasets ?? noDatasets),

    async findArtifact(digest) {
      const found = await artifacts.stat(digest);
      if (found !== null) return found;
      throw new MillraceError("NOT_FOUND", `artifact ${digest} is not stored; upload it first`);
    },

    async planFeatureView(project, id, definition) {
      const snapshot = await platform.now();
      const version = (snapshot.find(featureView, project, id)?.version ?? 0) + 1;
      await deps.planFeatureView(id, version, definition, activeSources(snapshot, project));
      checkFeaturesStay(snapshot, project, id, definition);
    },

    async checkDeployment(project, definition) {
      const snapshot = await platform.now();
      const trigger = activeSource(snapshot, project, definition.trigger);
      await checkColumns(snapshot, project, definition.columns, trigger);
      const task = checkVersions(snapshot, project, definition.split, definition.columns);
      checkChampion(snapshot, project, definition.split, await policyOf(project, "Production"));
      const { outcome } = definition;
      if (outcome !== null) {
        await checkOutcome(outcome, trigger, activeSource(snapshot, project, outcome.source), task);
      }
    },

    async registerSchema(_project, topic, schema, check = false) {
      const subject = `${topic}-value`;
      if (!check) return (await registry.register(subject, schema)).id;
      const { compatible, reasons } = await registry.check(subject, schema);
      if (compatible) return 0;
      throw new MillraceError(
        "INCOMPATIBLE_SCHEMA",
        `the schema does not fit topic "${topic}": ${reasons.join("; ")}`,
        {
          details: { subject, reasons },
        },
      );
    },

    async checkLogReadable(project, topic, key, schema) {
      const readers = (await platform.now())
        .all(eventSource, project)
        .map(({ state }) => state.definition)
        .filter((definition) => definition.topic === topic && definition.key === key)
        .map((definition) => definition.schema);
      if (readers.length > 0) await checkLogReadable({ broker, registry }, { topic, next: schema, readers });
    },

    async ensureTopic(topic: string, definition: EventSourceDefinition, project: string) {
      if (reserved.test(topic)) {
        throw new MillraceError("BAD_REQUEST", `topic: names that end like "${topic}" are the platform's own`);
      }
      const owners = (await platform.now())
        .everywhere(eventSource)
        .filter(({ state }) => state.definition.topic === topic);
      if (owners.some((owner) => owner.project !== project)) {
        throw new MillraceError("ALREADY_EXISTS", `topic "${topic}" belongs to another project; choose another name`);
      }
      const owner = owners.find(({ state }) => state.status === "active");
      if (owner !== undefined) {
        throw new MillraceError("ALREADY_EXISTS", `topic "${topic}" belongs to event source "${owner.id}"`);
      }
      const { partitions, maxRecordBytes, retentionMs } = definition;
      await broker.ensureTopic(topic, {
        partitions,
        cleanup: "delete",
        maxRecordBytes,
        ...(retentionMs === null ? {} : { retentionMs }),
      });
    },

    async checkSchemaChange(project, source, schema) {
      const snapshot = await platform.now();
      const changed = { ...activeSource(snapshot, project, source), schema };
      const sources = activeSources(snapshot, project).map((known) => (known.name === source ? changed : known));
      const find = (id: string) => sources.find(({ name }) => name === id) ?? activeSource(snapshot, project, id);
      for (const { id, state } of viewsFedBy(snapshot, project, source)) {
        await deps.planFeatureView(id, state.version, state.definition, sources);
      }
      for (const { state } of activeDeployments(snapshot, project)) {
        const { trigger, columns, outcome, split } = state.definition;
        if (trigger === source) await checkColumns(snapshot, project, columns, changed);
        if (outcome === null || (trigger !== source && outcome.source !== source)) continue;
        await checkOutcome(outcome, find(trigger), find(outcome.source), taskOf(snapshot, project, split));
      }
    },

    async checkTraining(project, spec) {
      const snapshot = await platform.now();
      const target = existing(snapshot.find(model, project, spec.model), `model "${spec.model}"`);
      if (target.status === "archived") throw refused(`model "${spec.model}" is archived; train for another`);
      const trigger = activeSource(snapshot, project, spec.trigger);
      await checkColumns(snapshot, project, spec.columns, trigger);
      await checkOutcome(spec.label, trigger, activeSource(snapshot, project, spec.label.source), spec.task);
    },

    async checkMonitor(project, definition: MonitorDefinition) {
      const snapshot = await platform.now();
      const id = definition.deployment;
      const watched = existing(snapshot.find(deployment, project, id), `deployment "${id}"`);
      if (watched.status === "stopped") throw refused(`deployment "${id}" is stopped; there is nothing to watch`);
      if (definition.kind === "error") {
        if (watched.definition.outcome === null) {
          throw refused(`deployment "${id}" defines no outcome, so its errors are not known; watch drift instead`);
        }
        return;
      }
      const names = [...watched.definition.columns.map(({ name }) => name), "prediction"];
      const unknown = definition.columns.filter((column) => !names.includes(column));
      if (unknown.length > 0) {
        throw new MillraceError(
          "BAD_REQUEST",
          `columns: deployment "${id}" has no ${unknown.join(", ")}; it has ${names.join(", ")}`,
        );
      }
    },

    async checkUnused(project, what) {
      checkUnused(await platform.now(), project, what);
    },
  };
};
