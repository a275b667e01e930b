import { MillraceError } from "../../schemas/errors.ts";
import type { Signature } from "../../schemas/lifecycle/model.ts";
import type { InspectedModel } from "../checks.ts";
import type { Payload } from "../payloads.ts";
import type { NewModelVersion } from "./state.ts";

/** How many input columns a signature takes, or null where its dimensions leave that open. */
export const inputWidth = ({ inputs }: Signature): number | null => {
  if (inputs.length !== 1) return inputs.length === 0 ? null : inputs.length;
  const last = inputs[0].shape.at(-1);
  return last === undefined || last < 0 ? null : last;
};

/** Columns are given to the model by place: the file's own names in another order would be other columns. */
const checkOrder = (columns: readonly string[], named: readonly string[] | null): void => {
  const isOther = named?.some((name, i) => name !== columns[i]) ?? false;
  if (named === null || !isOther || named.some((name) => !columns.includes(name))) return;
  throw new MillraceError("SIGNATURE_MISMATCH", `columns: the model takes them in the order ${named.join(", ")}`, {
    details: { expected: named, columns },
  });
};

/** A version's definition from what was said and what its file says. BAD_REQUEST, SIGNATURE_MISMATCH. */
export const definitionOf = (
  payload: Payload<"CreateModelVersion"> & { artifact: string },
  inspected: InspectedModel,
): NewModelVersion => {
  const task = payload.task ?? inspected.task;
  const columns = payload.columns ?? inspected.columns;
  if (task === null) throw unsaid("task");
  if (columns === null) throw unsaid("columns");
  const width = inspected.columns?.length ?? inputWidth(inspected.signature);
  if (width !== null && width !== columns.length) {
    throw new MillraceError(
      "SIGNATURE_MISMATCH",
      `the model takes ${width} input columns, but ${columns.length} are named: ${columns.join(", ")}`,
      { details: { width, columns } },
    );
  }
  checkOrder(columns, inspected.columns);
  const { format, artifact, metrics, profile, lineage, source, run } = payload;
  const { size, signature, output, outputIndex } = inspected;
  const said = { format, artifact, metrics, profile, lineage, source, run, ...foreignRunOf(payload) };
  return { ...said, size, signature, output, outputIndex, task, columns };
};

/** The definition of a version whose file is not read: only what was said is known. */
export const otherDefinitionOf = (payload: Payload<"CreateModelVersion">): NewModelVersion => {
  const { model: _, reuse: __, foreignRun: ___, ...said } = payload;
  const signature = { inputs: [], outputs: [] };
  return {
    ...said,
    ...foreignRunOf(payload),
    task: payload.task ?? null,
    columns: payload.columns ?? [],
    size: 0,
    signature,
  };
};

/** Versions that have none are as those of releases that knew of none. */
const foreignRunOf = ({ foreignRun }: Payload<"CreateModelVersion">): { foreignRun?: string } =>
  foreignRun === null ? {} : { foreignRun };

const unsaid = (field: string): MillraceError =>
  new MillraceError("BAD_REQUEST", `${field}: the model file does not say it; give it in the command`);
