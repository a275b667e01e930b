import type { ObjectRef } from "@pothos/core";
import { isWithinExperiment } from "../../projections/documents/keys.ts";
import type {
  CollectionName,
  Collections,
  DocumentBase,
  ListOptions,
  ProjectDocument,
} from "../../projections/documents/types.ts";
import { type ErrorCode, isMillraceError, MillraceError } from "../../schemas/errors.ts";
import { builder } from "../builder.ts";
import { allowRead, type GraphContext, reach } from "../context.ts";
import { Order } from "../enums.ts";
import { seenAt } from "../moment.ts";
import { decodeNodeId, splitNodeId } from "../node-id.ts";
import { Dataset, DatasetVersion } from "../types/dataset.ts";
import { Deployment } from "../types/deployment.ts";
import { EventSource } from "../types/event-source.ts";
import { Experiment } from "../types/experiment.ts";
import { FeatureView } from "../types/feature-view.ts";
import { Model, ModelVersion } from "../types/model.ts";
import { Alert, Monitor } from "../types/monitor.ts";
import { Policy } from "../types/policy.ts";
import { Project } from "../types/project.ts";
import { LoggedModel, Run } from "../types/run.ts";
import { TrainingJob } from "../types/training-job.ts";
import { connection, toConnection } from "./connection.ts";
import { type PageArguments, pageArguments, type WantedPage, wantedPage } from "./paging.ts";

type Ref<Node> = ObjectRef<typeof builder.$inferSchemaTypes, Node>;

type ArgumentBuilder = Parameters<Parameters<typeof builder.queryFields>[0]>[0];

const POSITION_HELP = "Wait until this position, from a command's answer, is reflected.";

const asOfArgument = (t: ArgumentBuilder) => t.arg({ type: "DateTime", description: "The state as of this moment." });

const moment = (t: ArgumentBuilder) => ({
  asOf: asOfArgument(t),
  afterPosition: t.arg.string({ description: POSITION_HELP }),
});

const paging = (t: ArgumentBuilder) => ({
  ...pageArguments(t),
  order: t.arg({ type: Order, defaultValue: "name" }),
  reverse: t.arg.boolean({ defaultValue: false }),
});

type ListArguments = PageArguments & {
  order?: "name" | "created" | "updated" | null;
  asOf?: number | null;
  experiment?: string | null;
};

const listOptions = ({ order, asOf, experiment }: ListArguments, page: WantedPage): ListOptions => ({
  ...page.query,
  order: order ?? "name",
  asOf: asOf ?? undefined,
  ...(experiment == null ? {} : { experiment }),
});

const collections = new Map<string, CollectionName>();

/** `one(project, id)` and `many(project, first, ...)` of one collection, and its place behind `node(id)`. */
const collection = <Name extends CollectionName>(many: Name, one: string, ref: Ref<Collections[Name]>): void => {
  const type = ref as unknown as Ref<DocumentBase>;
  const Page = connection(type);
  collections.set(ref.name, many);
  builder.queryFields((t) => ({
    [one]: t.field({
      type,
      nullable: true,
      description: "null when there is none of that id.",
      args: { project: t.arg.string({ required: true }), id: t.arg.id({ required: true }), ...moment(t) },
      resolve: async (_, { project, id, asOf, afterPosition }, context) => {
        await allowRead(context, one, project);
        await reach(context, afterPosition);
        const found = await context.deps.documents.get(many as CollectionName, project, id, {
          asOf: asOf ?? undefined,
        });
        return found === null ? null : seenAt(found, asOf);
      },
    }),
    [many]: t.field({
      type: Page,
      args: {
        project: t.arg.string({ required: true }),
        ...paging(t),
        ...moment(t),
        ...(isWithinExperiment(many) ? { experiment: t.arg.string({ description: "Only those of it." }) } : {}),
      },
      resolve: async (_, { project, ...args }, context) => {
        await allowRead(context, many, project);
        await reach(context, args.afterPosition);
        const wanted = wantedPage(args);
        const page = await context.deps.documents.list(many, project, listOptions(args, wanted));
        for (const { node } of page.items) seenAt(node, args.asOf);
        return toConnection<DocumentBase>(page, wanted);
      },
    }),
  }));
};

collection("eventSources", "eventSource", EventSource);
collection("featureViews", "featureView", FeatureView);
collection("models", "model", Model);
collection("modelVersions", "modelVersion", ModelVersion);
collection("deployments", "deployment", Deployment);
collection("monitors", "monitor", Monitor);
collection("alerts", "alert", Alert);
collection("trainingJobs", "trainingJob", TrainingJob);
collection("experiments", "experiment", Experiment);
collection("runs", "run", Run);
collection("policies", "policy", Policy);
collection("loggedModels", "loggedModel", LoggedModel);
collection("datasets", "dataset", Dataset);
collection("datasetVersions", "datasetVersion", DatasetVersion);

/** All projects stand in one list; somebody who is no administrator finds those where they are a member. */
const mayList = ({ actor }: GraphContext, project: ProjectDocument): boolean =>
  actor.admin || project.members.some(({ member }) => member === actor.id);

collections.set(Project.name, "projects");
const ProjectPage = connection(Project);

builder.queryFields((t) => ({
  project: t.field({
    type: Project,
    nullable: true,
    args: { id: t.arg.id({ required: true }), ...moment(t) },
    resolve: async (_, { id, asOf, afterPosition }, context) => {
      await allowRead(context, "project", id);
      await reach(context, afterPosition);
      return context.deps.documents.get("projects", id, id, { asOf: asOf ?? undefined });
    },
  }),
  projects: t.field({
    type: ProjectPage,
    description: "The projects that the caller may read. A page may hold fewer than asked for, and another follow.",
    args: { ...paging(t), ...moment(t) },
    resolve: async (_, args, context) => {
      await reach(context, args.afterPosition);
      const wanted = wantedPage(args);
      const page = await context.deps.documents.list("projects", "*", listOptions(args, wanted));
      const total = context.actor.admin ? page.total : null;
      return toConnection({ ...page, total, items: page.items.filter(({ node }) => mayList(context, node)) }, wanted);
    },
  }),
}));

/** The document behind a node's id. BAD_REQUEST for what is none. */
export const documentPlace = (
  globalId: string,
): { typename: string; collection: CollectionName; project: string; id: string } => {
  const { typename, id } = decodeNodeId(globalId);
  const collection = collections.get(typename);
  if (collection !== undefined) return { typename, collection, ...splitNodeId(id) };
  throw new MillraceError("BAD_REQUEST", `"${globalId}" names the type "${typename}", which is no node`);
};

const nodeOf = async (globalId: string, asOf: number | null | undefined, context: GraphContext): Promise<unknown> => {
  const { typename, collection, project, id } = documentPlace(globalId);
  await allowRead(context, "node", project);
  const document = await context.deps.documents.get(collection, project, id, { asOf: asOf ?? undefined });
  return document === null ? null : seenAt({ ...document, __typename: typename }, asOf);
};

const refusals: readonly ErrorCode[] = ["BAD_REQUEST", "FORBIDDEN", "NOT_FOUND"];

/** One id that is refused must not take the others with it. */
const nullWhereRefused = (error: unknown): null => {
  if (isMillraceError(error) && refusals.includes(error.code)) return null;
  throw error;
};

builder.queryFields((t) => ({
  node: t.field({
    type: builder.nodeInterfaceRef(),
    nullable: true,
    args: { id: t.arg.id({ required: true }), asOf: asOfArgument(t) },
    resolve: (_, { id, asOf }, context) => nodeOf(id, asOf, context) as never,
  }),
  nodes: t.field({
    type: [builder.nodeInterfaceRef()],
    nullable: { list: false, items: true },
    args: { ids: t.arg.idList({ required: true }), asOf: asOfArgument(t) },
    description: "In the order of the ids; null for each that is none, is not there or may not be read.",
    resolve: (_, { ids, asOf }, context) =>
      Promise.all(ids.map((id) => nodeOf(id, asOf, context).catch(nullWhereRefused))) as never,
  }),
}));
