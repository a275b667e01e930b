import type { Checks } from "../commands/checks.ts";
import { type DatasetChecks, platformChecks } from "../commands/references.ts";
import { compileExpression, fieldTypes } from "../ml/cel/compile.ts";
import { compileGate } from "../ml/cel/gate.ts";
import { planColumns } from "../ml/features/columns.ts";
import { planView } from "../ml/features/view.ts";
import { inspectOnnx } from "../ml/onnx/inspect.ts";
import { openScorer } from "../ml/onnx/session.ts";
import type { Task } from "../schemas/lifecycle/model.ts";
import type { Engines } from "./engines.ts";

/** f0, f1, ...: as XGBoost names the columns of a matrix. */
const numbered = (width: number): string[] => Array.from({ length: width }, (_, i) => `f${i}`);

/** The checks before a command is decided, with what only the learning room can tell: CEL and ONNX. */
export const checksOf = (engines: Engines, datasets?: DatasetChecks): Checks =>
  platformChecks({
    ...engines,
    datasets,
    planFeatureView: planView,
    inspectModel: async (artifact) => {
      const bytes = await engines.artifacts.read(artifact);
      const { signature, metadata } = await inspectOnnx(bytes);
      const scorer = await openScorer(bytes);
      await scorer.close();
      const columns = metadata["millrace.columns"];
      const task = metadata["millrace.task"];
      return {
        size: bytes.length,
        signature,
        columns: columns === undefined ? numbered(scorer.columns) : (JSON.parse(columns) as string[]),
        task: task === "binary" || task === "regression" ? (task satisfies Task) : scorer.task,
      };
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
