import {
  type FieldNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isInterfaceType,
  isLeafType,
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

const noDefaults: Given["defaults"] = new Map();

const givenTo = ({ variableDefinitions = [] }: OperationDefinitionNode, variables: Variables): Given => {
  if (variableDefinitions.length === 0) return { variables, defaults: noDefaults };
  const defaults = variableDefinitions.map(
    ({ variable, defaultValue }) => [variable.name.value, defaultValue] as const,
  );
  return { variables, defaults: new Map(defaults) };
};

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
const isPageSize = (name: string): boolean => name === "first" || name === "last";

const timesOf = (node: FieldNode, isPaged: boolean, given: Given): number => {
  let times = isPaged ? DEFAULT_PAGE : 1;
  for (const { name, value } of node.arguments ?? []) {
    const argument = argumentOf(value, given);
    if (isPageSize(name.value) && typeof argument === "number" && argument > 0) times = argument;
    else if (Array.isArray(argument)) times = Math.max(times, argument.length);
  }
  return times;
};

const fieldOf = (type: GraphQLNamedType | null | undefined, name: string): Field | undefined => {
  if (name === SchemaMetaFieldDef.name) return SchemaMetaFieldDef;
  if (name === TypeMetaFieldDef.name) return TypeMetaFieldDef;
  return isObjectType(type) || isInterfaceType(type) ? type.getFields()[name] : undefined;
};

const nothing = (): Cost => ({ objects: 0, values: 0, introspection: 0, fields: 0 });

/** Where a selection stands: how often it is resolved, and whether its type is each of all types in turn. */
type Place = { type: GraphQLNamedType | null | undefined; times: number; isEach: boolean };

/** What is asked of a field's definition for every operation. */
type Facts = { named: GraphQLNamedType; isList: boolean; isPaged: boolean; cost: number; isMeta: boolean };

const facts = new WeakMap<Field, Facts>();

const factsOf = (field: Field): Facts => {
  const known = facts.get(field);
  if (known !== undefined) return known;
  const named = getNamedType(field.type);
  const found = {
    named,
    isList: isListType(getNullableType(field.type)),
    isPaged: field.args.some(({ name }) => name === "first"),
    cost: Number(field.extensions.cost ?? (isLeafType(named) ? 0 : 1)),
    isMeta: field === SchemaMetaFieldDef || field === TypeMetaFieldDef,
  };
  facts.set(field, found);
  return found;
};

/**
 * What an operation may cost. An object counts 1 (lists multiply what is below them), or what its field's
 * `extensions.cost` says, since a warehouse query costs more than a look-up. Leaves are counted by themselves, and
 * what the schema says about itself by the lengths of its own lists.
 */
export const costOf = ({ definition, fragments }: Operation, schema: GraphQLSchema, variables?: Variables): Cost => {
  const given = givenTo(definition, variables);
  const known = new Map<string, Cost>();

  const ofField = (sum: Cost, node: FieldNode, at: Place): void => {
    const name = node.name.value;
    const field = fieldOf(at.type, name);
    sum.fields += 1;
    if (field === undefined) {
      sum.values += at.times;
      return;
    }
    const { named, isList, isPaged, cost, isMeta } = factsOf(field);
    const below = { type: named, times: at.times, isEach: name === "types" };
    if (isMeta || at.type?.name.startsWith("__")) {
      const length = isList ? introspectionLengths(schema).get(name) : undefined;
      if (length !== undefined) below.times *= at.isEach ? length.mean : Math.max(length.mean, length.most);
      sum.introspection += below.times;
    } else {
      below.times *= timesOf(node, isPaged, given);
      const resolved = isList ? below.times : at.times;
      sum.objects += resolved * cost;
      sum.values += resolved;
    }
    ofSet(sum, node.selectionSet, below);
  };

  /** Written out once: it may be spread in many places, and spread others many times. */
  const ofFragment = (name: string, isEach: boolean): Cost => {
    const key = `${name} ${isEach}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const fragment = fragments.get(name);
    const cost = nothing();
    const type = schema.getType(fragment?.typeCondition.name.value ?? "");
    ofSet(cost, fragment?.selectionSet, { type, times: 1, isEach });
    known.set(key, cost);
    return cost;
  };

  const ofSet = (sum: Cost, set: SelectionSetNode | undefined, at: Place): void => {
    for (const selection of set?.selections ?? []) {
      if (selection.kind === Kind.FIELD) {
        ofField(sum, selection, at);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        const condition = selection.typeCondition?.name.value;
        ofSet(sum, selection.selectionSet, condition === undefined ? at : { ...at, type: schema.getType(condition) });
      } else {
        const { objects, values, introspection, fields } = ofFragment(selection.name.value, at.isEach);
        sum.objects += at.times * objects;
        sum.values += at.times * values;
        sum.introspection += at.times * introspection;
        sum.fields += fields;
      }
    }
  };

  const sum = nothing();
  ofSet(sum, definition.selectionSet, { type: schema.getRootType(definition.operation), times: 1, isEach: false });
  return sum;
};

const limitsOf = new WeakMap<GraphQLSchema, number>();

/** Twice what every tool asks for when it wants the whole schema. */
const introspectionLimit = (schema: GraphQLSchema): number => {
  const limit = limitsOf.get(schema) ?? 2 * Math.ceil(costOf(operationsOf(wholeSchema)[0], schema).introspection);
  limitsOf.set(schema, limit);
  return limit;
};

const refuseBeyond = (limit: number, cost: number, what: string): void => {
  if (cost <= limit) return;
  const whole = Math.ceil(cost);
  throw new MillraceError(
    "QUERY_TOO_COSTLY",
    `the query may ${what.replace("%", `${whole}`)}, the limit is ${limit}: ask for smaller pages or fewer lists at once`,
    { details: { cost: whole, limit } },
  );
};

/** QUERY_TOO_COSTLY before anything is resolved, naming both numbers. */
export const checkCost = (operation: Operation, schema: GraphQLSchema, variables?: Variables): void => {
  const { objects, values, introspection, fields } = costOf(operation, schema, variables);
  refuseBeyond(MAX_COST, objects, "resolve % objects");
  refuseBeyond(MAX_VALUES, values, "answer % values");
  if (introspection > 0)
    refuseBeyond(introspectionLimit(schema), introspection, "answer % values of the schema itself");
  refuseBeyond(MAX_FIELDS, fields, "have % fields with its fragments written out");
};
