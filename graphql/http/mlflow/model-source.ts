import type { LoggedModel } from "../../../commands/logged-model/decider.ts";
import type { Run } from "../../../commands/run/decider.ts";
import { MillraceError } from "../../../schemas/errors.ts";
import { locationOf, modelRoot, runRoot } from "./answers.ts";
import type { MlflowContext } from "./door.ts";
import { readMlModel } from "./mlmodel.ts";
import { withoutTrailingSlashes } from "./slashes.ts";

/** The run or logged model that keeps a model's files, and the folder below its root. */
type Place = { owner: "run" | "logged-model"; id: string; folder: string };

export type FoundModel = {
  /** Digest of the ONNX file. */
  artifact: string;
  columns: string[] | null;
};

const forms: readonly [owner: Place["owner"], form: RegExp][] = [
  ["run", /^runs:\/+([0-9a-f]{32})(?:\/(.*))?$/],
  ["run", /^mlflow-artifacts:(?:\/\/[^/]+)?\/+[0-9]+\/([0-9a-f]{32})\/artifacts(?:\/(.*))?$/],
  ["logged-model", /^models:\/+(m-[0-9a-f]{32})(?:\/(.*))?$/],
  ["logged-model", /^mlflow-artifacts:(?:\/\/[^/]+)?\/+[0-9]+\/models\/(m-[0-9a-f]{32})\/artifacts(?:\/(.*))?$/],
];

/** Null for a source that is none of ours. */
export const placeOfSource = (source: string): Place | null => {
  for (const [owner, form] of forms) {
    const found = form.exec(source);
    if (found !== null) return { owner, id: found[1], folder: withoutTrailingSlashes(found[2] ?? "") };
  }
  return null;
};

const within = (folder: string, path: string): string => (folder === "" ? path : `${folder}/${path}`);

/** Null for one of another tracking server, beside which this is the registry alone. */
const ownerOf = ({ states, project }: MlflowContext, { owner, id }: Place): Promise<Run | LoggedModel | null> =>
  owner === "run" ? states.run(project, id) : states.loggedModel(project, id);

/** BAD_REQUEST for a path of whichever machine, and for one that leads out of its place. */
export const checkSource = (source: string): void => {
  const [, scheme = "", path = source] = /^([A-Za-z][A-Za-z0-9+.-]*):(.*)$/s.exec(source) ?? [];
  if (scheme === "" || scheme.toLowerCase() === "file") {
    throw new MillraceError("BAD_REQUEST", `Invalid model version source: '${source}'. A local path is no source here`);
  }
  if (decodedFully(path).split(/[/\\]/).includes("..")) {
    throw new MillraceError("BAD_REQUEST", `Invalid model version source: '${source}'. It may not have .. parts`);
  }
};

/** However often it was encoded. */
const decodedFully = (text: string): string => {
  let before = text;
  for (let i = 0; i < 10; i++) {
    const after = before.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
    if (after === before) break;
    before = after;
  }
  return before;
};

/** The run that a source comes from, by itself or through its logged model; null for none that is known. */
export const runOfSource = async ({ states, project }: MlflowContext, source: string): Promise<string | null> => {
  const place = placeOfSource(source);
  if (place === null) return null;
  if (place.owner === "run") return place.id;
  return (await states.loggedModel(project, place.id))?.created.run ?? null;
};

/** Bytes of an `MLmodel` file, which is some kilobytes long. */
const MOST_DESCRIPTION = 4 << 20;

/** The ONNX file of an MLflow model, and the columns that its `MLmodel` names; null without one. */
export const findOnnx = async (context: MlflowContext, source: string): Promise<FoundModel | null> => {
  const place = placeOfSource(source);
  if (place === null) return null;
  const { artifacts } = context.deps;
  const files = (await ownerOf(context, place))?.files;
  const described = files?.get(within(place.folder, "MLmodel"));
  if (described === undefined) return null;
  const { size = 0 } = (await artifacts.stat(described.digest)) ?? {};
  if (size > MOST_DESCRIPTION) {
    throw new MillraceError(
      "BAD_REQUEST",
      `source: its MLmodel has ${size} bytes; at most ${MOST_DESCRIPTION} are read`,
    );
  }
  const { onnx, columns } = readMlModel((await artifacts.read(described.digest)).toString());
  const file = onnx === null ? undefined : files?.get(within(place.folder, onnx));
  return file === undefined ? null : { artifact: file.digest, columns };
};

/** The URI that clients download from: where the run or logged model keeps its files, else the source itself. */
export const downloadUri = async (context: MlflowContext, source: string): Promise<string> => {
  const place = placeOfSource(source);
  if (place === null || source.startsWith("mlflow-artifacts:")) return source;
  const created = (await ownerOf(context, place))?.created;
  if (created === undefined) return source;
  const experiment = await context.deps.documents.get("experiments", context.project, created.experiment);
  if (experiment === null) throw new MillraceError("NOT_FOUND", `there is no experiment ${created.experiment}`);
  const root = place.owner === "run" ? runRoot : modelRoot;
  const uri = root(locationOf(experiment), place.id);
  return place.folder === "" ? uri : `${uri}/${place.folder}`;
};
