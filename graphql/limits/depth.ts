import { Kind, type SelectionSetNode } from "graphql";
import { MillraceError } from "../../schemas/errors.ts";
import { isIntrospection, type Operation } from "./walk.ts";

export const MAX_DEPTH = 12;

/** Fields on the longest path of an operation. Stops descending once the limit is passed. */
export const depthOf = ({ definition, fragments }: Operation, limit = MAX_DEPTH): number => {
  const known = new Map<string, number>();
  const of = (set: SelectionSetNode | undefined, above: number): number => {
    if (set === undefined || above > limit) return 0;
    let deepest = 0;
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) {
        if (!isIntrospection(selection.name.value))
          deepest = Math.max(deepest, 1 + of(selection.selectionSet, above + 1));
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        deepest = Math.max(deepest, of(selection.selectionSet, above));
      } else {
        const name = selection.name.value;
        const depth = known.get(name) ?? of(fragments.get(name)?.selectionSet, 0);
        known.set(name, depth);
        deepest = Math.max(deepest, depth);
      }
    }
    return deepest;
  };
  return of(definition.selectionSet, 0);
};

/** QUERY_TOO_DEEP, naming both numbers. */
export const checkDepth = (operation: Operation, limit = MAX_DEPTH): void => {
  const depth = depthOf(operation, limit);
  if (depth > limit) {
    throw new MillraceError("QUERY_TOO_DEEP", `the query nests ${depth} fields, the limit is ${limit}: split it`, {
      details: { depth, limit },
    });
  }
};
