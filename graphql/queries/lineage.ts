import { lineageOf } from "../../projections/lineage/graph.ts";
import { type LineageNode, type NodeKind, nodeKinds } from "../../projections/lineage/nodes.ts";
import { lineageReads } from "../../projections/lineage/reads.ts";
import { predictionLog } from "../../projections/prediction-log.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { builder } from "../builder.ts";
import { allowRead, type GraphContext } from "../context.ts";
import { decodeNodeId, splitNodeId } from "../node-id.ts";
import { LineageGraph } from "../types/lineage.ts";
import { WAREHOUSE_COST } from "./warehouse.ts";

const Direction = builder.enumType("LineageDirection", {
  description: "UPSTREAM: what it was made from. DOWNSTREAM: what was made from it.",
  values: ["UPSTREAM", "DOWNSTREAM"] as const,
});

const MAX_DEPTH = 20;

const isKind = (typename: string): typename is NodeKind => (nodeKinds as readonly string[]).includes(typename);

/** A deployment and a feature view stand for what they are now. */
const startOf = async (globalId: string, { deps }: GraphContext): Promise<LineageNode | null> => {
  const { typename, id: inner } = decodeNodeId(globalId);
  const { project, id } = splitNodeId(inner);
  if (isKind(typename)) return { kind: typename, project, id };
  if (typename === "Deployment") {
    const found = await deps.documents.get("deployments", project, id);
    return found === null ? null : { kind: "DeploymentRevision", project, id: `${id}/${found.revision}` };
  }
  if (typename === "FeatureView") {
    const found = await deps.documents.get("featureViews", project, id);
    return found === null ? null : { kind: "FeatureViewVersion", project, id: `${id}/${found.version}` };
  }
  throw new MillraceError("BAD_REQUEST", `a ${typename} has no lineage; there are: ${nodeKinds.join(", ")}`);
};

builder.queryField("lineage", (t) =>
  t.field({
    type: LineageGraph,
    extensions: { cost: WAREHOUSE_COST },
    description:
      "From a prediction back to the code, the data and the log positions that it came from, and the other way.",
    args: {
      of: t.arg.id({
        required: true,
        description: "A document's id, one that lineage gave, or a prediction's nodeId.",
      }),
      direction: t.arg({ type: Direction, required: true }),
      depth: t.arg.int({ defaultValue: 10 }),
    },
    resolve: async (_, { of, direction, depth }, context) => {
      const { project } = splitNodeId(decodeNodeId(of).id);
      await allowRead(context, "lineage", project);
      const steps = depth ?? 10;
      if (steps < 1 || steps > MAX_DEPTH) {
        throw new MillraceError("BAD_REQUEST", `depth: expected 1 to ${MAX_DEPTH}, got ${steps}`);
      }
      const start = await startOf(of, context);
      if (start === null) throw new MillraceError("NOT_FOUND", `there is nothing with the id ${of}`);
      const { documents, eventStore, broker, warehouse } = context.deps;
      const reads = lineageReads({
        documents,
        eventStore,
        prediction: async (name, id) =>
          (await predictionLog(broker).find(name, id)) ?? warehouse.predictionById(name, id),
        servedCounts: (name, endpoints) => warehouse.servedCounts(name, endpoints),
      });
      return lineageOf(reads, start, direction, steps);
    },
  }),
);
