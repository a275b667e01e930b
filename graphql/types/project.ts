import type { ProjectDocument } from "../../projections/documents/types.ts";
import { builder } from "../builder.ts";
import { Role } from "../enums.ts";
import { Document, documentNode } from "./base.ts";

const Member = builder.objectRef<ProjectDocument["members"][number]>("Member").implement({
  fields: (t) => ({ member: t.exposeString("member"), role: t.expose("role", { type: Role }) }),
});

export const Project = builder.objectRef<ProjectDocument>("Project");

documentNode(Project);
Project.implement({
  interfaces: [Document, builder.nodeInterfaceRef()],
  fields: (t) => ({
    name: t.exposeString("name"),
    description: t.exposeString("description"),
    members: t.expose("members", { type: [Member] }),
  }),
});
