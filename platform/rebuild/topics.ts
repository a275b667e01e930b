import type { Broker } from "../../infra/broker/port.ts";
import type { SinkAssignment, SinkKind } from "../../projections/clickhouse/runner.ts";
import type { Catalog } from "../../streams/catalog.ts";

const suffixes: Record<SinkKind, string> = {
  predictions: ".predictions",
  outcomes: ".outcomes",
  drift: ".drift",
  tiles: ".tiles",
  deadLetters: ".dead-letters",
  metrics: ".metrics",
  changelog: ".changelog",
};

/**
 * Every topic of a kind that the broker holds, also those of deployments that were stopped and of applications
 * that are no more: their names (`topicOf`) say whose they are, for a project's name has no dot.
 */
export const topicsOfKind = async (broker: Broker, catalog: Catalog, kind: SinkKind): Promise<SinkAssignment[]> => {
  const suffix = suffixes[kind];
  const foreign = new Set([...catalog.sources.values()].map(({ topic }) => topic));
  const found: SinkAssignment[] = [];
  for (const { topic } of await broker.topics()) {
    if (!topic.endsWith(suffix) || foreign.has(topic)) continue;
    const owner = topic.slice(0, -suffix.length);
    const [project, ...rest] = owner.split(".");
    if (!catalog.projects.has(project)) continue;
    if (kind === "changelog") found.push({ kind, project, application: owner, topic });
    else if (kind === "predictions" || kind === "outcomes") {
      found.push({ kind, project, endpoint: rest.join("."), topic });
    } else if (rest.length === 0) found.push({ kind, project, topic });
  }
  return found;
};
