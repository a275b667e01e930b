import type { DatasetFormat } from "../../../schemas/lifecycle/dataset.ts";
import { type DatasetEngines, loadDataset } from "./load.ts";
import { snapshotRows } from "./snapshot.ts";

/** What commands of datasets ask of the warehouse. */
export const datasetChecks = (engines: DatasetEngines, maxBytes: number) => ({
  loadDataset: (_project: string, digest: string, format: DatasetFormat) => loadDataset(engines, digest, format),
  snapshotDataset: (project: string, asked: Parameters<typeof snapshotRows>[2]) =>
    snapshotRows(engines, project, asked, maxBytes),
});
