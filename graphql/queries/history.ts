import { documentAt, documentChanges } from "../../projections/documents/changes.ts";
import { diffDocuments } from "../../projections/documents/diff.ts";
import type { DeploymentDocument } from "../../projections/documents/types.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { builder } from "../builder.ts";
import { allowRead } from "../context.ts";
import { Variant } from "../enums.ts";
import { pageSize } from "../limits/page-size.ts";
import { seenAt } from "../moment.ts";
import { Change, FieldChangeNode } from "../types/history.ts";
import { ModelVersion } from "../types/model.ts";
import { connection, toConnection } from "./connection.ts";
import { documentPlace } from "./documents.ts";

const ChangePage = connection(Change);

type Answering = DeploymentDocument["split"][number] & { project: string; revision: number; at: number };

const AnsweringVersion = builder.objectRef<Answering>("AnsweringVersion").implement({
  description: "Which version a deployment routes an entity to.",
  fields: (t) => ({
    model: t.exposeString("model"),
    version: t.exposeInt("version"),
    variant: t.expose("variant", { type: Variant }),
    share: t.exposeFloat("share"),
    revision: t.exposeInt("revision", { description: "Of the deployment that routed." }),
    modelVersion: t.field({
      type: ModelVersion,
      nullable: true,
      description: "As it was at that moment.",
      resolve: async ({ project, model, version, at }, _, { deps }) => {
        const place = { collection: "modelVersions", project, id: `${model}/${version}` } as const;
        const found = await documentAt(deps.eventStore, place, at);
        return found === null ? null : (seenAt(found, at) as never);
      },
    }),
  }),
});

/** The revision after which a page begins. */
const revisionOf = (cursor: string | null | undefined): number => {
  if (cursor === null || cursor === undefined) return -1;
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor);
  throw new MillraceError("BAD_REQUEST", "after: not a cursor that this list gave; leave it out to start");
};

builder.queryFields((t) => ({
  history: t.field({
    type: ChangePage,
    description: "Every change of a document in the order of the log, from its first event on.",
    args: {
      of: t.arg.id({ required: true, description: "A document's id." }),
      first: t.arg.int({ defaultValue: 20 }),
      after: t.arg.string(),
    },
    resolve: async (_, { of, first, after }, context) => {
      const { collection, project, id } = documentPlace(of);
      await allowRead(context, "history", project);
      const size = pageSize(first);
      const from = revisionOf(after);
      const items = [];
      for await (const change of documentChanges(context.deps.eventStore, collection, project, id)) {
        if (change.after === change.before || Number(change.event.revision) <= from) continue;
        items.push({ cursor: String(change.event.revision), node: change });
        if (items.length > size) break;
      }
      return toConnection({ items: items.slice(0, size), hasNext: items.length > size }, after);
    },
  }),
  diff: t.field({
    type: [FieldChangeNode],
    description: "What differs between a document at one moment and at another; now without `to`.",
    args: {
      of: t.arg.id({ required: true, description: "A document's id." }),
      from: t.arg({ type: "DateTime", required: true }),
      to: t.arg({ type: "DateTime" }),
    },
    resolve: async (_, { of, from, to }, context) => {
      const place = documentPlace(of);
      await allowRead(context, "diff", place.project);
      const [before, after] = await Promise.all(
        [from, to ?? Number.POSITIVE_INFINITY].map((at) => documentAt(context.deps.eventStore, place, at)),
      );
      return diffDocuments(before, after);
    },
  }),
  answeringVersion: t.field({
    type: AnsweringVersion,
    nullable: true,
    description: "Which version would have answered a request for this entity at that moment; null where none would.",
    args: {
      project: t.arg.string({ required: true }),
      endpoint: t.arg.string({ required: true }),
      entity: t.arg.string({ required: true }),
      at: t.arg({ type: "DateTime", description: "Now without it." }),
    },
    resolve: async (_, { project, endpoint, entity, at }, context) => {
      await allowRead(context, "answeringVersion", project);
      const { eventStore, route, clock } = context.deps;
      const moment = at ?? clock();
      const place = { collection: "deployments", project, id: endpoint } as const;
      const deployment = (await documentAt(eventStore, place, moment)) as DeploymentDocument | null;
      if (deployment === null || deployment.status === "stopped") return null;
      const { split, revision } = deployment;
      return { ...split[route(split, revision, entity)], project, revision, at: moment };
    },
  }),
}));
