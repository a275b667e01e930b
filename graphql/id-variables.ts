import {
  type DefinitionNode,
  type DocumentNode,
  type GraphQLSchema,
  getNamedType,
  Kind,
  type NamedTypeNode,
  type NameNode,
  type OperationDefinitionNode,
  TypeInfo,
  type TypeNode,
  type VariableDefinitionNode,
  type VariableNode,
  visit,
  visitWithTypeInfo,
} from "graphql";

const namedIn = (type: TypeNode): NamedTypeNode => (type.kind === Kind.NAMED_TYPE ? type : namedIn(type.type));

type Uses = ReadonlyMap<string, readonly VariableNode[]>;

/** Where each variable is used, by the name of the type that it is used as. */
const usesIn = (document: DocumentNode, schema: GraphQLSchema): ReadonlyMap<string, Uses> => {
  const uses = new Map<string, Map<string, VariableNode[]>>();
  const types = new TypeInfo(schema);
  const visitor = visitWithTypeInfo(types, {
    VariableDefinition: () => false,
    Variable(node) {
      const type = types.getInputType();
      if (type == null) return;
      const known = uses.get(node.name.value) ?? new Map<string, VariableNode[]>();
      uses.set(node.name.value, known);
      const { name } = getNamedType(type);
      known.set(name, [...(known.get(name) ?? []), node]);
    },
  });
  visit(document, visitor);
  return uses;
};

const isTextual = (name: string | undefined): name is "ID" | "String" => name === "ID" || name === "String";

const named = (type: TypeNode, value: string): TypeNode =>
  type.kind === Kind.NAMED_TYPE
    ? { ...type, name: { ...type.name, value } }
    : ({ ...type, type: named(type.type, value) } as TypeNode);

/** What undoes a change of a name. */
const rename = (node: NameNode, value: string): (() => void) => {
  const before = node.value;
  Object.assign(node, { value });
  return () => Object.assign(node, { value: before });
};

/** Declares a variable twice, as ID and as String, for the validation of its uses; answers what undoes it. */
const split = (operation: OperationDefinitionNode, definition: VariableDefinitionNode, uses: Uses): (() => void) => {
  const other = namedIn(definition.type).name.value === "ID" ? "String" : "ID";
  const name = `${definition.variable.name.value}__as_${other}`;
  const undo = (uses.get(other) ?? []).map((node) => rename(node.name, name));
  const { variableDefinitions } = operation;
  const variable = { ...definition.variable, name: { ...definition.variable.name, value: name } };
  const extra = { ...definition, variable, type: named(definition.type, other) };
  Object.assign(operation, { variableDefinitions: [...(variableDefinitions ?? []), extra] });
  return () => {
    for (const one of undo) one();
    Object.assign(operation, { variableDefinitions });
  };
};

const isOperation = (definition: DefinitionNode): definition is OperationDefinitionNode =>
  definition.kind === Kind.OPERATION_DEFINITION;

/**
 * Lets a variable that is declared as String be used for an ID, and one that is an ID for a String: what is the id of a
 * document (`id: ID!`) is text elsewhere (`name: String!`), and ids were String in releases before. It changes the
 * document before it is validated, and answers what must be undone before it is executed.
 */
export const agreeOnIds = (document: DocumentNode, schema: GraphQLSchema): (() => void) => {
  const operations = document.definitions.filter(isOperation);
  const declared = operations.flatMap(({ variableDefinitions }) => variableDefinitions ?? []);
  if (declared.length === 0) return () => {};
  const uses = usesIn(document, schema);
  const undo: (() => void)[] = [];
  for (const definition of declared) {
    const { name } = namedIn(definition.type);
    const found: Uses = uses.get(definition.variable.name.value) ?? new Map();
    const used = [...found.keys()];
    if (!isTextual(name.value) || !used.every(isTextual)) continue;
    if (used.length === 1) Object.assign(name, { value: used[0] });
    else if (used.length === 2 && operations.length === 1) undo.push(split(operations[0], definition, found));
  }
  return () => {
    for (const one of undo.splice(0).reverse()) one();
  };
};
