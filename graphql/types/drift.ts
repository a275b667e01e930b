import type { DriftRecord } from "../../schemas/topics.ts";
import { builder } from "../builder.ts";

export const DriftResult = builder.objectRef<DriftRecord>("DriftResult").implement({
  description: "What a monitor found in one window for one column.",
  fields: (t) => ({
    monitor: t.exposeString("monitor"),
    endpoint: t.exposeString("endpoint"),
    model: t.exposeString("model"),
    version: t.exposeInt("version"),
    column: t.exposeString("column"),
    statistic: t.exposeString("statistic"),
    value: t.exposeFloat("value"),
    threshold: t.exposeFloat("threshold"),
    drifted: t.exposeBoolean("drifted"),
    from: t.expose("from", { type: "DateTime" }),
    to: t.expose("to", { type: "DateTime" }),
    rows: t.expose("rows", { type: "Long" }),
  }),
});
