import {
  type DocumentNode,
  type GraphQLSchema,
  getNamedType,
  Kind,
  type NamedTypeNode,
  TypeInfo,
  type TypeNode,
  visit,
  visitWithTypeInfo,
} from "graphql";

const namedIn = (type: TypeNode): NamedTypeNode => (type.kind === Kind.NAMED_TYPE ? type : namedIn(type.type));

/** The names of the types that each variable is used as. */
const usesIn = (document: DocumentNode, schema: GraphQLSchema): ReadonlyMap<string, ReadonlySet<string>> => {
  const uses = new Map<string, Set<string>>();
  const types = new TypeInfo(schema);
  const visitor = visitWithTypeInfo(types, {
    VariableDefinition: () => false,
    Variable({ name }) {
      const type = types.getInputType();
      if (type == null) return;
      const known = uses.get(name.value) ?? new Set();
      uses.set(name.value, known.add(getNamedType(type).name));
    },
  });
  visit(document, visitor);
  return uses;
};

const isTextual = (name: string | undefined): name is "ID" | "String" => name === "ID" || name === "String";

/**
 * Lets a variable that is declared as String be used for an ID, and one that is an ID for a String: what is the id of a
 * document (`id: ID!`) is text elsewhere (`model: String!`), and ids were String in releases before. It changes the
 * declaration in the document, before it is validated.
 */
export const agreeOnIds = (document: DocumentNode, schema: GraphQLSchema): void => {
  const declared = document.definitions.flatMap((definition) =>
    definition.kind === Kind.OPERATION_DEFINITION ? (definition.variableDefinitions ?? []) : [],
  );
  if (declared.length === 0) return;
  const uses = usesIn(document, schema);
  for (const { variable, type } of declared) {
    const { name } = namedIn(type);
    const [used, ...others] = uses.get(variable.name.value) ?? [];
    if (others.length === 0 && isTextual(name.value) && isTextual(used)) Object.assign(name, { value: used });
  }
};
