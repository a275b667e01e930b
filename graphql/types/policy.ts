import type { PolicyDocument } from "../../projections/documents/types.ts";
import { builder } from "../builder.ts";
import { GuardedStage, LineageKind, Role } from "../enums.ts";
import { Document, documentNode } from "./base.ts";

export const Policy = builder.objectRef<PolicyDocument>("Policy");

documentNode(Policy);
Policy.implement({
  description: "What a model version must show before it may enter the stage.",
  interfaces: [Document, builder.nodeInterfaceRef()],
  fields: (t) => ({
    stage: t.expose("stage", { type: GuardedStage }),
    approvals: t.exposeInt("approvals", { description: "How many people must have approved." }),
    roles: t.expose("roles", { type: [Role], description: "Roles whose approval counts." }),
    fourEyes: t.exposeBoolean("fourEyes", { description: "Who made the version does not count among them." }),
    gate: t.exposeString("gate", { nullable: true, description: "CEL over metrics and champion.<metric>." }),
    lineage: t.expose("lineage", { type: [LineageKind], description: "Origins that the version must name." }),
    status: t.exposeString("status", { description: "active or removed" }),
  }),
});
