import { type DocumentNode, type FragmentDefinitionNode, Kind, type OperationDefinitionNode } from "graphql";

export type Operation = {
  definition: OperationDefinitionNode;
  fragments: ReadonlyMap<string, FragmentDefinitionNode>;
};

/** The operations of a document, each with the fragments beside it. */
export const operationsOf = (document: DocumentNode): Operation[] => {
  const fragments = new Map<string, FragmentDefinitionNode>();
  const definitions: OperationDefinitionNode[] = [];
  for (const node of document.definitions) {
    if (node.kind === Kind.FRAGMENT_DEFINITION) fragments.set(node.name.value, node);
    else if (node.kind === Kind.OPERATION_DEFINITION) definitions.push(node);
  }
  return definitions.map((definition) => ({ definition, fragments }));
};

/** Of the schema about itself. */
export const isIntrospection = (field: string): boolean => field.startsWith("__");
