import {
  type GraphQLSchema,
  getIntrospectionQuery,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  parse,
} from "graphql";

/** How long a list of the schema about itself is: for each of all types together, and the longest. */
type Length = { mean: number; most: number };

/** Lengths of `fields`, `args`, ... by the field's name. */
export type Lengths = ReadonlyMap<string, Length>;

const lengthOf = (lengths: readonly number[], among = lengths.length): Length => ({
  mean: lengths.reduce((sum, length) => sum + length, 0) / Math.max(among, 1),
  most: Math.max(0, ...lengths),
});

const measure = (schema: GraphQLSchema): Lengths => {
  const types = Object.values(schema.getTypeMap());
  const withFields = types.filter((type) => isObjectType(type) || isInterfaceType(type));
  const fields = withFields.flatMap((type) => Object.values(type.getFields()));
  const perType = (lengths: number[]): Length => lengthOf(lengths, types.length);
  const directives = schema.getDirectives().length;
  return new Map<string, Length>([
    ["types", { mean: types.length, most: types.length }],
    ["directives", { mean: directives, most: directives }],
    ["fields", perType(withFields.map((type) => Object.keys(type.getFields()).length))],
    ["interfaces", perType(withFields.map((type) => type.getInterfaces().length))],
    ["inputFields", perType(types.filter(isInputObjectType).map((type) => Object.keys(type.getFields()).length))],
    ["enumValues", perType(types.filter(isEnumType).map((type) => type.getValues().length))],
    ["possibleTypes", perType(types.filter(isAbstractType).map((type) => schema.getPossibleTypes(type).length))],
    ["args", { ...lengthOf(fields.map(({ args }) => args.length)), most: 1 }],
    ["locations", { mean: 3, most: 3 }],
  ]);
};

const measured = new WeakMap<GraphQLSchema, Lengths>();

export const introspectionLengths = (schema: GraphQLSchema): Lengths => {
  const lengths = measured.get(schema) ?? measure(schema);
  measured.set(schema, lengths);
  return lengths;
};

/** What every tool asks when it wants the whole schema. */
export const wholeSchema = parse(
  getIntrospectionQuery({
    specifiedByUrl: true,
    directiveIsRepeatable: true,
    schemaDescription: true,
    inputValueDeprecation: true,
    oneOf: true,
  }),
);
