/** What lineage leads through. All but `Predictions` (many of one version at one revision) and `Code` are single facts. */
export const nodeKinds = [
  "Prediction",
  "Predictions",
  "DeploymentRevision",
  "ModelVersion",
  "TrainingJob",
  "Run",
  "LoggedModel",
  "DatasetVersion",
  "FeatureViewVersion",
  "EventSource",
  "Code",
] as const;

export type NodeKind = (typeof nodeKinds)[number];

/** `id` is unique in the project: that of the document, or `<id>/<revision or version>`. */
export type LineageNode = { kind: NodeKind; project: string; id: string };

/** `from` was made from `to`: upstream is from `from` to `to`. `detail` is JSON. */
export type LineageEdge = { from: LineageNode; to: LineageNode; relation: string; detail: unknown };

export const nodeKey = ({ kind, project, id }: LineageNode): string => `${kind}:${project}/${id}`;

/** The two parts of an id `<id>/<number>`. Null for another. */
export const numbered = (id: string): { id: string; number: number } | null => {
  const slash = id.lastIndexOf("/");
  const number = id.slice(slash + 1);
  return slash > 0 && /^\d{1,9}$/.test(number) ? { id: id.slice(0, slash), number: Number(number) } : null;
};
