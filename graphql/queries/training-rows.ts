import { MillraceError } from "../../schemas/errors.ts";
import { builder } from "../builder.ts";
import { allowRead } from "../context.ts";
import type { TrainingRowNode } from "../deps.ts";
import { pageSize } from "../limits/page-size.ts";
import { finite } from "../missing.ts";
import { kindOf, NumberKind } from "../types/number-kind.ts";
import { connection, toConnection } from "./connection.ts";
import { documentPlace } from "./documents.ts";
import { WAREHOUSE_COST } from "./warehouse.ts";

const TrainingRow = builder.objectRef<TrainingRowNode>("TrainingRow").implement({
  description: "One row that a model version was trained on.",
  fields: (t) => ({
    key: t.exposeString("key", { description: "Business key: what the outcome was joined by." }),
    time: t.expose("time", { type: "DateTime", description: "Event time of the trigger." }),
    topic: t.exposeString("topic"),
    partition: t.exposeInt("partition"),
    offset: t.expose("offset", { type: "Long", description: "Where the trigger lies in the log." }),
    label: t.float({
      nullable: true,
      description: "null where it is no finite number: `labelKind` says which.",
      resolve: ({ label }) => finite(label),
    }),
    labelKind: t.field({ type: NumberKind, resolve: ({ label }) => kindOf(label) }),
  }),
});

const RowPage = connection(TrainingRow);

const placeOf = (cursor: string | null | undefined): { partition: number; offset: number } | undefined => {
  if (cursor === null || cursor === undefined) return undefined;
  const found = /^(\d{1,9})\/(\d{1,15})$/.exec(cursor);
  if (found !== null) return { partition: Number(found[1]), offset: Number(found[2]) };
  throw new MillraceError("BAD_REQUEST", "after: not a cursor that this list gave; leave it out to start");
};

builder.queryField("trainingRows", (t) =>
  t.field({
    type: RowPage,
    extensions: { cost: WAREHOUSE_COST },
    description:
      "The very rows that a model version was trained on, folded from the log again, by partition and offset.",
    args: {
      version: t.arg.id({ required: true, description: "A ModelVersion's id." }),
      first: t.arg.int({ defaultValue: 20 }),
      after: t.arg.string(),
    },
    resolve: async (_, { version: globalId, first, after }, context) => {
      const { collection, project, id } = documentPlace(globalId);
      await allowRead(context, "trainingRows", project);
      if (collection !== "modelVersions") {
        throw new MillraceError("BAD_REQUEST", "version: expected the id of a ModelVersion");
      }
      const { documents, trainingRows } = context.deps;
      const version = await documents.get("modelVersions", project, id);
      if (version === null) throw new MillraceError("NOT_FOUND", `there is no model version "${id}"`);
      const { lineage, createdAt } = version;
      const job = lineage.trainingJob && (await documents.get("trainingJobs", project, lineage.trainingJob));
      if (!job) {
        throw new MillraceError(
          "NOT_FOUND",
          `"${id}" was not trained by a job of this project: its rows are not in the log`,
        );
      }
      const trained = { project, spec: job.spec, lineage, plannedAt: [createdAt, job.createdAt] };
      const { rows, hasNext } = await trainingRows.page(trained, { first: pageSize(first), after: placeOf(after) });
      const items = rows.map((node) => ({ cursor: `${node.partition}/${node.offset}`, node }));
      return toConnection({ items, hasNext }, after);
    },
  }),
);
