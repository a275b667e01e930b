import type { ExperimentDocument } from "../../projections/documents/types.ts";
import { builder } from "../builder.ts";
import { Document, documentNode } from "./base.ts";

export const Experiment = builder.objectRef<ExperimentDocument>("Experiment");

documentNode(Experiment);
Experiment.implement({
  description: "Runs that belong together. Its name is unique in the project, deleted experiments included.",
  interfaces: [Document, builder.nodeInterfaceRef()],
  fields: (t) => ({
    name: t.exposeString("name"),
    artifactLocation: t.exposeString("artifactLocation", {
      nullable: true,
      description: "Where clients put the files of runs; null where the platform says it.",
    }),
    tags: t.expose("tags", { type: "StringMap" }),
    status: t.exposeString("status", { description: "active or deleted" }),
  }),
});
