import { Kind, type SelectionSetNode } from "graphql";
import { MillraceError } from "../../schemas/errors.ts";
import { isIntrospection, type Operation } from "./walk.ts";

export const MAX_DEPTH = 12;
/** Of `__schema` and `__type`: tools ask for types in lists in types, up to nine times. */
export const MAX_INTROSPECTION_DEPTH = 20;

type Depths = { data: number; introspection: number };

/** Fields on the longest path of an operation, and on the longest that begins at `__schema` or `__type`. */
export const depthOf = ({ definition, fragments }: Operation): Depths => {
  const known = new Map<string, Depths>();
  const of = (set: SelectionSetNode | undefined): Depths => {
    const deepest = { data: 0, introspection: 0 };
    for (const selection of set?.selections ?? []) {
      let found: Depths;
      if (selection.kind === Kind.FIELD) {
        const below = of(selection.selectionSet);
        found = isIntrospection(selection.name.value)
          ? { data: 0, introspection: 1 + Math.max(below.data, below.introspection) }
          : { data: 1 + below.data, introspection: below.introspection };
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        found = of(selection.selectionSet);
      } else {
        const name = selection.name.value;
        found = known.get(name) ?? of(fragments.get(name)?.selectionSet);
        known.set(name, found);
      }
      deepest.data = Math.max(deepest.data, found.data);
      deepest.introspection = Math.max(deepest.introspection, found.introspection);
    }
    return deepest;
  };
  return of(definition.selectionSet);
};

const refuse = (depth: number, limit: number): void => {
  if (depth <= limit) return;
  throw new MillraceError("QUERY_TOO_DEEP", `the query nests ${depth} fields, the limit is ${limit}: split it`, {
    details: { depth, limit },
  });
};

/** QUERY_TOO_DEEP, naming both numbers. */
export const checkDepth = (operation: Operation): void => {
  const { data, introspection } = depthOf(operation);
  refuse(data, MAX_DEPTH);
  refuse(introspection, MAX_INTROSPECTION_DEPTH);
};
