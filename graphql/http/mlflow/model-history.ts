import { MillraceError } from "../../../schemas/errors.ts";

/** The tag by which clients of MLflow find the models that a run has logged. */
const HISTORY_TAG = "mlflow.log-model.history";

/** Characters that a tag's value may have. */
const MOST = 8000;

const mandatory = ["run_id", "utc_time_created", "artifact_path", "flavors"];

const parsed = (text: string, what: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MillraceError("BAD_REQUEST", `${what}: not JSON: ${(cause as Error).message}`, { cause });
  }
};

/** The tag with one more model, and without the oldest ones that no longer fit. BAD_REQUEST. */
export const withLoggedModel = (tags: ReadonlyMap<string, string>, modelJson: string): Record<string, string> => {
  const model = parsed(modelJson, "model_json");
  if (typeof model !== "object" || model === null || Array.isArray(model)) {
    throw new MillraceError("BAD_REQUEST", "model_json: expected an object");
  }
  const missing = mandatory.filter((field) => !Object.hasOwn(model, field));
  if (missing.length > 0) {
    throw new MillraceError("BAD_REQUEST", `model_json: Model json is missing mandatory fields: ${missing.join(", ")}`);
  }
  const known = tags.get(HISTORY_TAG);
  const before = known === undefined ? [] : parsed(known, HISTORY_TAG);
  const history = [...(Array.isArray(before) ? before : []), model];
  while (history.length > 1 && JSON.stringify(history).length > MOST) history.shift();
  return { [HISTORY_TAG]: JSON.stringify(history) };
};
