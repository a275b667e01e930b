import type { Checks } from "../commands/checks.ts";
import { type DatasetChecks, platformChecks } from "../commands/references.ts";
import { compileExpression, fieldTypes } from "../ml/cel/compile.ts";
import { compileGate } from "../ml/cel/gate.ts";
import { planColumns } from "../ml/features/columns.ts";
import { planView } from "../ml/features/view.ts";
import { MillraceError } from "../schemas/errors.ts";
import type { ModelInspector } from "../serving/inspector.ts";
import type { Engines } from "./engines.ts";

/** The checks before a command is decided, with what only the learning room can tell: CEL and ONNX. */
export const checksOf = (engines: Engines, inspector: ModelInspector, datasets?: DatasetChecks): Checks =>
  platformChecks({
    ...engines,
    datasets,
    planFeatureView: planView,
    inspectModel: async (artifact, choice) => {
      const found = await engines.artifacts.stat(artifact);
      if (found === null) throw new MillraceError("NOT_FOUND", `artifact ${artifact} is not stored; upload it first`);
      return inspector.inspect({ size: found.size, open: () => engines.artifacts.get(artifact) }, choice);
    },
    checkColumns: (_project, columns, trigger, views) => {
      const plans = new Map(
        views.map(({ view, version, definition, sources }) => [view, planView(view, version, definition, sources)]),
      );
      planColumns(columns, trigger, plans);
    },
    compileGate,
    checkOutcome: (value, source, task) => {
      compileExpression(value, fieldTypes(source.schema), task === "binary" ? "number|bool" : "number");
    },
  });
