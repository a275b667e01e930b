/** A file of a run or logged model, under its root. One stored later at the same path takes its place. */
export type ArtifactFile = {
  path: string;
  /** SHA-256 of its bytes. */
  digest: string;
  /** Bytes. */
  size: number;
};
