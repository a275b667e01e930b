import type { DocumentBase } from "../../projections/documents/types.ts";
import { builder } from "../builder.ts";

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

/** Inner node id of a document: `<project>/<id>`. */
export const documentNodeId = (document: DocumentBase): string => `${document.project}/${document.id}`;
