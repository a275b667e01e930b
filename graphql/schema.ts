import { GraphQLObjectType, type GraphQLSchema } from "graphql";
import { builder } from "./builder.ts";
import "./scalars.ts";
import "./queries/documents.ts";
import "./queries/features.ts";
import "./queries/predictions.ts";
import "./queries/monitoring.ts";
import "./queries/consumer-lag.ts";
import "./queries/events.ts";
import "./queries/history.ts";
import "./queries/lineage.ts";
import "./queries/training-rows.ts";
import "./mutations/commands.ts";
import "./subscriptions/predictions.ts";
import "./subscriptions/drift.ts";
import "./subscriptions/lifecycle.ts";

/**
 * Fields that only hand on a property of the same name need no resolver: both executors read it themselves, and the
 * compiled one saves a call and a promise check a field.
 */
const dropTrivialResolvers = (schema: GraphQLSchema): GraphQLSchema => {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!(type instanceof GraphQLObjectType)) continue;
    for (const field of Object.values(type.getFields())) {
      if (field.extensions.pothosExposedField === field.name) field.resolve = undefined;
    }
  }
  return schema;
};

/** The GraphQL schema; it holds no state and no dependency. */
export const schema: GraphQLSchema = dropTrivialResolvers(builder.toSchema());
