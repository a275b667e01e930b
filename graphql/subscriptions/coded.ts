import type { GraphQLSchema } from "graphql";
import type { GraphContext } from "../context.ts";
import { asGraphQLError } from "../errors.ts";

/** The iterator with its failures as coded GraphQL errors. */
const codedIterator = (source: AsyncIterator<unknown>, coded: (error: unknown) => Error): AsyncGenerator<unknown> => {
  const iterator = {
    next: () =>
      source.next().catch((error: unknown) => {
        throw coded(error);
      }),
    return: () => source.return?.() ?? Promise.resolve({ value: undefined, done: true as const }),
    [Symbol.asyncIterator]() {
      return iterator;
    },
  };
  return iterator as unknown as AsyncGenerator<unknown>;
};

/** mercurius sends what a subscription throws as it is, past the error formatter: it gets its code here. */
export const withCodedSubscriptions = (schema: GraphQLSchema): GraphQLSchema => {
  for (const field of Object.values(schema.getSubscriptionType()?.getFields() ?? {})) {
    const { subscribe } = field;
    if (subscribe === undefined) continue;
    field.subscribe = async (root, args, context: GraphContext, info) => {
      const { logger, settings } = context.deps;
      const { correlationId } = context;
      const coded = (error: unknown): Error =>
        asGraphQLError(error, { logger, correlationId, development: settings.development });
      try {
        return codedIterator((await subscribe(root, args, context, info)) as AsyncIterator<unknown>, coded);
      } catch (error) {
        throw coded(error);
      }
    };
  }
  return schema;
};
