import {
  type FieldNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  type SelectionSetNode,
  type ValueNode,
} from "graphql";
import { MillraceError } from "../../schemas/errors.ts";
import { DEFAULT_PAGE } from "./page-size.ts";
import { isIntrospection, type Operation } from "./walk.ts";

export const MAX_COST = 10_000;

type Variables = Readonly<Record<string, unknown>> | null | undefined;
type Field = GraphQLField<unknown, unknown>;

const argumentOf = (node: ValueNode, variables: Variables): unknown => {
  if (node.kind === Kind.VARIABLE) return variables?.[node.name.value];
  if (node.kind === Kind.INT) return Number(node.value);
  if (node.kind === Kind.LIST) return node.values;
  return undefined;
};

/** How many times the selection below a field may be resolved: page size, or length of a list of keys. */
const timesOf = (node: FieldNode, field: Field | undefined, variables: Variables): number => {
  let times = field?.args.some((argument) => argument.name === "first") ? DEFAULT_PAGE : 1;
  for (const { name, value } of node.arguments ?? []) {
    const given = argumentOf(value, variables);
    if (name.value === "first" && typeof given === "number" && given > 0) times = given;
    else if (Array.isArray(given)) times = Math.max(times, given.length);
  }
  return times;
};

const fieldOf = (type: GraphQLNamedType | null | undefined, name: string): Field | undefined =>
  isObjectType(type) || isInterfaceType(type) ? type.getFields()[name] : undefined;

const isList = ({ type }: Field): boolean => isListType(getNullableType(type));

/**
 * What an operation may cost: 1 for every object that it may resolve (lists multiply what is below them), or what
 * the field's `extensions.cost` says, since a warehouse query costs more than a look-up. Leaves are free:
 * the parser bounds their number.
 */
export const costOf = ({ definition, fragments }: Operation, schema: GraphQLSchema, variables?: Variables): number => {
  const known = new Map<string, number>();
  const of = (set: SelectionSetNode | undefined, type: GraphQLNamedType | null | undefined): number => {
    let cost = 0;
    for (const selection of set?.selections ?? []) {
      if (selection.kind === Kind.FIELD) {
        if (isIntrospection(selection.name.value)) continue;
        const field = fieldOf(type, selection.name.value);
        const own = Number(field?.extensions.cost ?? (selection.selectionSet === undefined ? 0 : 1));
        const below = of(selection.selectionSet, field === undefined ? null : getNamedType(field.type));
        const times = timesOf(selection, field, variables);
        cost += field !== undefined && isList(field) ? times * (own + below) : own + times * below;
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        const condition = selection.typeCondition?.name.value;
        cost += of(selection.selectionSet, condition === undefined ? type : schema.getType(condition));
      } else {
        const name = selection.name.value;
        const fragment = fragments.get(name);
        const below =
          known.get(name) ?? of(fragment?.selectionSet, schema.getType(fragment?.typeCondition.name.value ?? ""));
        known.set(name, below);
        cost += below;
      }
    }
    return cost;
  };
  return of(definition.selectionSet, schema.getRootType(definition.operation));
};

/** QUERY_TOO_COSTLY before anything is resolved, naming both numbers. */
export const checkCost = (
  operation: Operation,
  schema: GraphQLSchema,
  variables?: Variables,
  limit = MAX_COST,
): void => {
  const cost = costOf(operation, schema, variables);
  if (cost > limit) {
    throw new MillraceError(
      "QUERY_TOO_COSTLY",
      `the query may resolve ${cost} objects, the limit is ${limit}: ask for smaller pages or fewer lists at once`,
      { details: { cost, limit } },
    );
  }
};
