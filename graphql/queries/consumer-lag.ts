import type { Broker } from "../../infra/broker/port.ts";
import { partitionKey } from "../../infra/broker/port.ts";
import type { Documents } from "../../projections/documents/types.ts";
import { applicationOf } from "../../schemas/topics.ts";
import { builder } from "../builder.ts";
import { allowRead } from "../context.ts";
import { MAX_PAGE } from "../limits/page-size.ts";

type Lag = { group: string; topic: string; partition: number; committed: number; end: number; lag: number };

const ConsumerLag = builder.objectRef<Lag>("ConsumerLag").implement({
  description: "How far an application is behind one partition of an event source.",
  fields: (t) => ({
    group: t.exposeString("group"),
    topic: t.exposeString("topic"),
    partition: t.exposeInt("partition"),
    committed: t.expose("committed", { type: "Long", description: "Next offset that the group will take." }),
    end: t.expose("end", { type: "Long", description: "Next offset that will be written." }),
    lag: t.expose("lag", { type: "Long" }),
  }),
});

/** Committed offsets against the ends of the topics, for each application of the project. */
const lagOf = async (broker: Broker, documents: Documents, project: string): Promise<Lag[]> => {
  const { items } = await documents.list("eventSources", project, { first: MAX_PAGE });
  const rows: Lag[] = [];
  const committed = new Map<string, Map<string, number>>();
  for (const { node: source } of items) {
    const group = applicationOf(project, source);
    const known =
      committed.get(group) ??
      new Map((await broker.committed(group)).map((at) => [partitionKey(at.topic, at.partition), at.offset]));
    committed.set(group, known);
    if ((await broker.topic(source.topic)) === null) continue;
    const marks = await broker.watermarks(source.topic);
    for (const [partition, { low, high }] of marks.entries()) {
      const next = known.get(partitionKey(source.topic, partition)) ?? low;
      rows.push({ group, topic: source.topic, partition, committed: next, end: high, lag: high - next });
    }
  }
  return rows;
};

builder.queryField("consumerLag", (t) =>
  t.field({
    type: [ConsumerLag],
    args: { project: t.arg.string({ required: true }) },
    resolve: async (_, { project }, context) => {
      await allowRead(context, "consumerLag", project);
      return lagOf(context.deps.broker, context.deps.documents, project);
    },
  }),
);
