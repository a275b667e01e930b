import type { DriftRecord } from "../../schemas/topics.ts";
import { builder } from "../builder.ts";
import { finite } from "../missing.ts";
import { kindOf, NumberKind } from "./number-kind.ts";

export const DriftResult = builder.objectRef<DriftRecord>("DriftResult").implement({
  description: "What a monitor found in one window for one column.",
  fields: (t) => ({
    monitor: t.exposeString("monitor"),
    endpoint: t.exposeString("endpoint"),
    model: t.exposeString("model"),
    version: t.exposeInt("version"),
    column: t.exposeString("column"),
    statistic: t.exposeString("statistic"),
    value: t.float({
      nullable: true,
      description: "null where it is no finite number: `valueKind` says which.",
      resolve: ({ value }) => finite(value),
    }),
    valueKind: t.field({ type: NumberKind, resolve: ({ value }) => kindOf(value) }),
    threshold: t.exposeFloat("threshold"),
    drifted: t.exposeBoolean("drifted"),
    from: t.expose("from", { type: "DateTime" }),
    to: t.expose("to", { type: "DateTime" }),
    rows: t.expose("rows", { type: "Long" }),
  }),
});
