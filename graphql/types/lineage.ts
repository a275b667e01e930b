import type { LineageGraph as Graph } from "../../projections/lineage/graph.ts";
import type { LineageEdge as Edge, LineageNode as Node } from "../../projections/lineage/nodes.ts";
import { builder } from "../builder.ts";
import { encodeNodeId } from "../node-id.ts";

export const lineageId = ({ kind, project, id }: Node): string => encodeNodeId(kind, `${project}/${id}`);

const LineageNode = builder.objectRef<Node>("LineageNode").implement({
  description: "Something that was made, or that something was made from.",
  fields: (t) => ({
    id: t.id({
      description: "For lineage(of); where the kind is a node's type, also for node(id).",
      resolve: lineageId,
    }),
    kind: t.exposeString("kind", {
      description:
        "Prediction, Predictions (those of one version at one deployment revision), DeploymentRevision, ModelVersion, " +
        "TrainingJob, Run, LoggedModel, DatasetVersion, FeatureViewVersion, EventSource or Code.",
    }),
    project: t.exposeString("project"),
    slug: t.exposeString("id", { description: "The id in its project; revisions and versions follow after a slash." }),
  }),
});

const LineageEdge = builder.objectRef<Edge>("LineageEdge").implement({
  description: "`from` was made from `to`.",
  fields: (t) => ({
    from: t.id({ resolve: ({ from }) => lineageId(from) }),
    to: t.id({ resolve: ({ to }) => lineageId(to) }),
    relation: t.exposeString("relation"),
    detail: t.field({
      type: "JSON",
      nullable: true,
      description: "Log positions, shares, counts: what belongs to the link alone.",
      resolve: ({ detail }) => detail as object | null,
    }),
  }),
});

export const LineageGraph = builder.objectRef<Graph>("LineageGraph").implement({
  fields: (t) => ({
    nodes: t.expose("nodes", { type: [LineageNode], description: "The start first, then the nearest." }),
    edges: t.expose("edges", { type: [LineageEdge] }),
    truncated: t.exposeBoolean("truncated", { description: "There is more than one answer holds." }),
  }),
});
