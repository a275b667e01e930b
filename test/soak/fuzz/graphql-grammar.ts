import {
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  isUnionType,
} from "graphql";
import { below, chance, nastyJson, nastyNumber, nastyText, pick, type Random, times } from "./random.ts";

/** Names that exist, by the argument that takes them. */
export type Known = Readonly<Record<string, readonly string[]>>;

type Grammar = { schema: GraphQLSchema; known: Known; random: Random };

const scalars: Readonly<Record<string, (random: Random) => unknown>> = {
  Int: (random) => pick(random, [0, 1, 2, 10, 100, -1, 2 ** 31 - 1]),
  Float: (random) => pick(random, [0, 0.5, 1, -1, 1e300]),
  Boolean: (random) => chance(random, 0.5),
  Long: (random) => pick(random, [0, 1, 3_600_000, 86_400_000, 2 ** 52]),
  DateTime: (random) =>
    pick(random, [Date.UTC(2001, 2, 1), Date.UTC(2027, 0, 1), 0, "2001-03-01T00:00:00Z", "2999-01-01T00:00:00Z"]),
  JSON: (random) => nastyJson(random),
  StringMap: (random) => Object.fromEntries(times(random, 3, () => [nastyText(random), nastyText(random)])),
  NumberMap: (random) => Object.fromEntries(times(random, 3, () => [nastyText(random), nastyNumber(random)])),
};

/** A value of an input type; now and then one that is not of it. */
const valueFor = (grammar: Grammar, type: GraphQLInputType, name: string): unknown => {
  const { random, known } = grammar;
  if (chance(random, 0.04)) return nastyJson(random);
  if (isNonNullType(type)) return valueFor(grammar, type.ofType, name);
  if (chance(random, 0.1)) return null;
  if (isListType(type)) return times(random, 3, () => valueFor(grammar, type.ofType, name));
  if (isEnumType(type)) return pick(random, type.getValues()).name;
  if (isInputObjectType(type)) return inputObject(grammar, type.name);
  const make = scalars[type.name];
  if (make !== undefined) return chance(random, 0.8) ? make(random) : nastyJson(random);
  const names = known[name] ?? known.id;
  return chance(random, 0.75) ? pick(random, names) : nastyText(random);
};

/** An input object with its required members and some of the others. */
const inputObject = (grammar: Grammar, typeName: string): Record<string, unknown> => {
  const type = grammar.schema.getType(typeName);
  if (!isInputObjectType(type)) throw new Error(`${typeName} is no input object`);
  const members: [string, unknown][] = [];
  for (const field of Object.values(type.getFields())) {
    if (isNonNullType(field.type) || chance(grammar.random, 0.5)) {
      members.push([field.name, valueFor(grammar, field.type, field.name)]);
    }
  }
  return Object.fromEntries(members);
};

/** What ends a thing is given to spare ones, so that the others are there to the end. */
const ending = /^(archive|delete|stop|revoke|remove|reject)/;
const spare: Known = { id: ["spare"], project: ["flights"] };

export type Operation = { query: string; variables: Record<string, unknown> };

/** A document that is written field by field; its variables are collected on the way. */
class Writer {
  readonly variables: Record<string, unknown> = {};
  readonly declared: string[] = [];
  readonly grammar: Grammar;

  constructor(grammar: Grammar) {
    this.grammar = { ...grammar };
  }

  argumentsOf(field: GraphQLField<unknown, unknown>): string {
    const { random } = this.grammar;
    const given: string[] = [];
    for (const argument of field.args) {
      const isRequired = isNonNullType(argument.type);
      if (!isRequired && !chance(random, 0.3)) continue;
      const variable = `v${this.declared.length}`;
      this.declared.push(`$${variable}: ${argument.type}`);
      this.variables[variable] = valueFor(this.grammar, argument.type, argument.name);
      given.push(`${argument.name}: $${variable}`);
    }
    return given.length === 0 ? "" : `(${given.join(", ")})`;
  }

  /** A selection of a composite type; nothing of a leaf. */
  selection(type: GraphQLOutputType, depth: number): string {
    const { random, schema } = this.grammar;
    const named = getNamedType(type);
    if (isLeafType(named)) return "";
    if (isUnionType(named)) return " { __typename }";
    if (!isObjectType(named) && !isInterfaceType(named)) return "";
    const fields = Object.values(named.getFields());
    const chosen = fields.filter((field) => {
      const isLeaf = isLeafType(getNamedType(field.type));
      return chance(random, isLeaf ? 0.6 : depth > 0 ? 0.3 : 0);
    });
    const parts = chosen.map((field) => this.field(field, depth - 1));
    if (isInterfaceType(named) && chance(random, 0.6)) {
      const possible = pick(random, schema.getPossibleTypes(named));
      parts.push(`... on ${possible.name}${this.selection(possible, depth - 1) || " { __typename }"}`);
    }
    if (chance(random, 0.1)) parts.push(`... @include(if: ${chance(random, 0.5)}) { __typename }`);
    return ` { ${parts.length === 0 ? "__typename" : parts.join(" ")} }`;
  }

  field(field: GraphQLField<unknown, unknown>, depth: number): string {
    const alias = chance(this.grammar.random, 0.1) ? `a${below(this.grammar.random, 5)}: ` : "";
    return `${alias}${field.name}${this.argumentsOf(field)}${this.selection(field.type, depth)}`;
  }
}

/** A random operation of the schema, valid but for some of its values. */
export const operation = (grammar: Grammar, kind: "query" | "mutation" | "subscription"): Operation => {
  const { schema, random } = grammar;
  const root = {
    query: schema.getQueryType(),
    mutation: schema.getMutationType(),
    subscription: schema.getSubscriptionType(),
  };
  const fields = Object.values(root[kind]?.getFields() ?? {});
  const writer = new Writer(grammar);
  const count = kind === "query" ? 1 + below(random, 3) : 1;
  const body = Array.from({ length: count }, (_, i) => {
    const chosen = pick(random, fields);
    if (ending.test(chosen.name)) writer.grammar.known = spare;
    const field = writer.field(chosen, 1 + below(random, 4));
    return count === 1 ? field : `r${i}: ${field.replace(/^a\d: /, "")}`;
  }).join(" ");
  const declared = writer.declared.length === 0 ? "" : `(${writer.declared.join(", ")})`;
  return { query: `${kind} ${declared} { ${body} }`, variables: writer.variables };
};
