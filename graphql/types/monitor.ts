import type { AlertDocument, MonitorDocument } from "../../projections/documents/types.ts";
import type { MonitorDefinition as Definition } from "../../schemas/lifecycle/monitor.ts";
import { builder } from "../builder.ts";
import { DriftStatistic, MonitorKind } from "../enums.ts";
import { Document, documentNode } from "./base.ts";

type Drift = Extract<Definition, { kind: "drift" }>;
type ErrorRate = Extract<Definition, { kind: "error" }>;

const MonitorDefinition = builder.interfaceRef<Definition>("MonitorDefinition").implement({
  fields: (t) => ({
    kind: t.expose("kind", { type: MonitorKind }),
    deployment: t.exposeString("deployment"),
  }),
  resolveType: (definition) => (definition.kind === "drift" ? "DriftMonitor" : "ErrorMonitor"),
});

builder.objectRef<Drift>("DriftMonitor").implement({
  description: "Compares a window's distribution with the reference profile.",
  interfaces: [MonitorDefinition],
  fields: (t) => ({
    statistic: t.expose("statistic", { type: DriftStatistic }),
    threshold: t.exposeFloat("threshold"),
    columns: t.exposeStringList("columns", { description: "All, and the output, when empty." }),
    windowMs: t.expose("windowMs", { type: "Long" }),
    minRows: t.expose("minRows", { type: "Long" }),
  }),
});

builder.objectRef<ErrorRate>("ErrorMonitor").implement({
  description: "Page-Hinkley over the errors of predictions that met their outcome.",
  interfaces: [MonitorDefinition],
  fields: (t) => ({
    minInstances: t.expose("minInstances", { type: "Long" }),
    delta: t.exposeFloat("delta"),
    lambda: t.exposeFloat("lambda"),
    alpha: t.exposeFloat("alpha"),
  }),
});

export const Monitor = builder.objectRef<MonitorDocument>("Monitor");

documentNode(Monitor);
Monitor.implement({
  interfaces: [Document, builder.nodeInterfaceRef()],
  fields: (t) => ({
    definition: t.expose("definition", { type: MonitorDefinition }),
    status: t.exposeString("status", { description: "active or deleted" }),
  }),
});

export const Alert = builder.objectRef<AlertDocument>("Alert");

documentNode(Alert);
Alert.implement({
  interfaces: [Document, builder.nodeInterfaceRef()],
  fields: (t) => ({
    monitor: t.exposeString("monitor"),
    deployment: t.exposeString("deployment"),
    model: t.exposeString("model"),
    version: t.exposeInt("version"),
    column: t.exposeString("column"),
    statistic: t.exposeString("statistic"),
    value: t.exposeFloat("value"),
    threshold: t.exposeFloat("threshold"),
    from: t.expose("from", { type: "DateTime", description: "Event-time window that was judged." }),
    to: t.expose("to", { type: "DateTime" }),
    rows: t.expose("rows", { type: "Long" }),
    message: t.exposeString("message"),
    status: t.exposeString("status", { description: "raised, acknowledged or resolved" }),
    comment: t.exposeString("comment"),
  }),
});
