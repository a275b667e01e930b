import type { ObjectRef } from "@pothos/core";
import type { DocumentBase } from "../../projections/documents/types.ts";
import { builder } from "../builder.ts";
import { encodeNodeId } from "../node-id.ts";

/** What every document tells about itself. */
export const Document = builder.interfaceRef<DocumentBase>("Document").implement({
  description: "A read model: the newest state of one aggregate, and the event that it reflects.",
  fields: (t) => ({
    slug: t.exposeString("id", { description: "The id that commands and queries take, unique in its project." }),
    project: t.exposeString("project"),
    position: t.exposeString("position", { description: "Position of the event that this state reflects." }),
    revision: t.exposeFloat("revision", { description: "Revision of the aggregate's stream." }),
    createdAt: t.expose("createdAt", { type: "DateTime" }),
    createdBy: t.exposeString("createdBy"),
    updatedAt: t.expose("updatedAt", { type: "DateTime" }),
    updatedBy: t.exposeString("updatedBy"),
  }),
});

const globalIds = new WeakMap<DocumentBase, string>();

/** The Relay id of a document. Documents are shared and never change, so it is encoded once for each. */
const globalIdOf = (typename: string, document: DocumentBase): string => {
  const known = globalIds.get(document);
  if (known !== undefined) return known;
  const id = encodeNodeId(typename, `${document.project}/${document.id}`);
  globalIds.set(document, id);
  return id;
};

/** The field that makes a type of document a Relay node. */
export const documentNode = <Shape extends DocumentBase>(
  ref: ObjectRef<typeof builder.$inferSchemaTypes, Shape>,
): void => {
  builder.objectField(ref, "id", (t) => t.id({ resolve: (document) => globalIdOf(ref.name, document) }));
};
