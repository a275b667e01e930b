import {
  type FieldNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isInterfaceType,
  isIntrospectionType,
  isListType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  SchemaMetaFieldDef,
  type SelectionSetNode,
  TypeMetaFieldDef,
  type ValueNode,
} from "graphql";
import { MillraceError } from "../../schemas/errors.ts";
import { introspectionLengths, wholeSchema } from "./introspection.ts";
import { DEFAULT_PAGE } from "./page-size.ts";
import { type Operation, operationsOf } from "./walk.ts";

/** Objects that an operation may resolve. */
export const MAX_COST = 10_000;
/** Leaves that its answer may have. */
export const MAX_VALUES = 250_000;
/** Fields that it may have when every fragment is written out: each becomes code when the operation is compiled. */
export const MAX_FIELDS = 1_000;

type Variables = Readonly<Record<string, unknown>> | null | undefined;
type Field = GraphQLField<unknown, unknown>;

/** What an operation may ask for. `introspection` are the values of the schema about itself. */
export type Cost = { objects: number; values: number; introspection: number; fields: number };

type Given = { variables: Variables; defaults: ReadonlyMap<string, ValueNode | undefined> };

const givenTo = ({ variableDefinitions }: OperationDefinitionNode, variables: Variables): Given => ({
  variables,
  defaults: new Map(variableDefinitions?.map(({ variable, defaultValue }) => [variable.name.value, defaultValue])),
});

const argumentOf = (node: ValueNode | undefined, given: Given): unknown => {
  if (node?.kind === Kind.VARIABLE) {
    const name = node.name.value;
    return given.variables?.[name] ?? argumentOf(given.defaults.get(name), given);
  }
  if (node?.kind === Kind.INT) return Number(node.value);
  if (node?.kind === Kind.LIST) return node.values;
  return undefined;
};

/** How many times the selection below a field may be resolved: page size, or length of a list of keys. */
const timesOf = (node: FieldNode, field: Field | undefined, given: Given): number => {
  let times = field?.args.some((argument) => argument.name === "first") ? DEFAULT_PAGE : 1;
  for (const { name, value } of node.arguments ?? []) {
    const argument = argumentOf(value, given);
    if (name.value === "first" && typeof argument === "number" && argument > 0) times = argument;
    else if (Array.isArray(argument)) times = Math.max(times, argument.length);
  }
  return times;
};

const fieldOf = (type: GraphQLNamedType | null | undefined, name: string): Field | undefined => {
  if (name === SchemaMetaFieldDef.name) return SchemaMetaFieldDef;
  if (name === TypeMetaFieldDef.name) return TypeMetaFieldDef;
  return isObjectType(type) || isInterfaceType(type) ? type.getFields()[name] : undefined;
};

const isList = ({ type }: Field): boolean => isListType(getNullableType(type));

const nothing = (): Cost => ({ objects: 0, values: 0, introspection: 0, fields: 0 });

const add = (sum: Cost, { objects, values, introspection, fields }: Cost): void => {
  sum.objects += objects;
  sum.values += values;
  sum.introspection += introspection;
  sum.fields += fields;
};

/**
 * What an operation may cost. An object counts 1 (lists multiply what is below them), or what its field's
 * `extensions.cost` says, since a warehouse query costs more than a look-up. Leaves are counted by themselves, and
 * what the schema says about itself by the lengths of its own lists.
 */
export const costOf = ({ definition, fragments }: Operation, schema: GraphQLSchema, variables?: Variables): Cost => {
  const given = givenTo(definition, variables);
  const lengths = introspectionLengths(schema);
  const known = new Map<string, Cost>();

  const ofField = (node: FieldNode, type: GraphQLNamedType | null | undefined, isEach: boolean): Cost => {
    const name = node.name.value;
    const field = fieldOf(type, name);
    const below = of(node.selectionSet, field === undefined ? null : getNamedType(field.type), name === "types");
    const fields = 1 + below.fields;
    if (isIntrospectionType(type as GraphQLNamedType) || field === SchemaMetaFieldDef || field === TypeMetaFieldDef) {
      const length = field === undefined || !isList(field) ? undefined : lengths.get(name);
      const times = length === undefined ? 1 : isEach ? length.mean : Math.max(length.mean, length.most);
      return { ...nothing(), introspection: times * (1 + below.introspection), fields };
    }
    const own = Number(field?.extensions.cost ?? (node.selectionSet === undefined ? 0 : 1));
    const times = timesOf(node, field, given);
    const isMany = field !== undefined && isList(field);
    return {
      objects: isMany ? times * (own + below.objects) : own + times * below.objects,
      values: isMany ? times * (1 + below.values) : 1 + times * below.values,
      introspection: times * below.introspection,
      fields,
    };
  };

  const of = (
    set: SelectionSetNode | undefined,
    type: GraphQLNamedType | null | undefined,
    /** Whether the type is each of all types in turn, not one that was asked for. */
    isEach = false,
  ): Cost => {
    const cost = nothing();
    for (const selection of set?.selections ?? []) {
      if (selection.kind === Kind.FIELD) {
        add(cost, ofField(selection, type, isEach));
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        const condition = selection.typeCondition?.name.value;
        add(cost, of(selection.selectionSet, condition === undefined ? type : schema.getType(condition), isEach));
      } else {
        const key = `${selection.name.value} ${isEach}`;
        const fragment = fragments.get(selection.name.value);
        const condition = schema.getType(fragment?.typeCondition.name.value ?? "");
        const below = known.get(key) ?? of(fragment?.selectionSet, condition, isEach);
        known.set(key, below);
        add(cost, below);
      }
    }
    return cost;
  };
  return of(definition.selectionSet, schema.getRootType(definition.operation));
};

const limitsOf = new WeakMap<GraphQLSchema, number>();

/** Twice what every tool asks for when it wants the whole schema. */
const introspectionLimit = (schema: GraphQLSchema): number => {
  const limit = limitsOf.get(schema) ?? 2 * Math.ceil(costOf(operationsOf(wholeSchema)[0], schema).introspection);
  limitsOf.set(schema, limit);
  return limit;
};

/** QUERY_TOO_COSTLY before anything is resolved, naming both numbers. */
export const checkCost = (operation: Operation, schema: GraphQLSchema, variables?: Variables): void => {
  const { objects, values, introspection, fields } = costOf(operation, schema, variables);
  const refuse = (cost: number, limit: number, what: string): void => {
    if (cost <= limit) return;
    const message = `the query may ${what.replace("%", String(Math.ceil(cost)))}, the limit is ${limit}`;
    throw new MillraceError("QUERY_TOO_COSTLY", `${message}: ask for smaller pages or fewer lists at once`, {
      details: { cost: Math.ceil(cost), limit },
    });
  };
  refuse(objects, MAX_COST, "resolve % objects");
  refuse(values, MAX_VALUES, "answer % values");
  refuse(introspection, introspectionLimit(schema), "answer % values of the schema itself");
  refuse(fields, MAX_FIELDS, "have % fields with its fragments written out");
};
