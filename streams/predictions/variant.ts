import type { Artifacts } from "../../infra/artifacts/port.ts";
import { decodeProfile } from "../../ml/drift/profile.ts";
import { type Sketcher, sketcher } from "../../ml/drift/sketch.ts";
import { openScorer, type Scorer } from "../../ml/onnx/session.ts";
import { MillraceError } from "../../schemas/errors.ts";
import type { Task } from "../../schemas/lifecycle/model.ts";
import { type CatalogDeployment, type CatalogVersion, versionKey } from "../catalog.ts";

/** A version made ready to score: its session, and the sketcher of its reference profile where it has one. */
export type ReadyVersion = {
  model: string;
  version: number;
  task: Task;
  columns: number;
  scorer: Scorer;
  sketcher: Sketcher | null;
};

export type VersionLoader = {
  /** Loads each version once for the process; sessions live until `close`, or until `retain` drops them. */
  load(deployment: CatalogDeployment, versions: ReadonlyMap<string, CatalogVersion>): Promise<ReadyVersion[]>;
  /** Closes the versions that no deployment uses any more. */
  retain(deployments: Iterable<CatalogDeployment>): Promise<void>;
  close(): Promise<void>;
};

export const versionLoader = (artifacts: Artifacts): VersionLoader => {
  const loaded = new Map<string, Promise<ReadyVersion>>();
  const open = async (version: CatalogVersion): Promise<ReadyVersion> => {
    const scorer = await openScorer(await artifacts.read(version.artifact));
    const profile = version.profile === null ? null : decodeProfile(await artifacts.read(version.profile));
    return {
      model: version.model,
      version: version.version,
      task: version.task,
      columns: version.columns.length,
      scorer,
      sketcher: profile === null ? null : sketcher(profile),
    };
  };
  const drop = async (key: string): Promise<void> => {
    const ready = loaded.get(key);
    loaded.delete(key);
    await ready?.then((version) => version.scorer.close()).catch(() => {});
  };
  return {
    load: (deployment, versions) =>
      Promise.all(
        deployment.split.map(({ model, version }) => {
          const key = versionKey(deployment.project, model, version);
          const found = versions.get(key);
          if (found === undefined) {
            throw new MillraceError(
              "NOT_FOUND",
              `deployment ${deployment.id} names ${model} ${version}, which is not there`,
            );
          }
          const ready = loaded.get(key) ?? open(found);
          loaded.set(key, ready);
          ready.catch(() => loaded.delete(key));
          return ready;
        }),
      ),
    retain: async (deployments) => {
      const used = new Set<string>();
      for (const deployment of deployments) {
        for (const { model, version } of deployment.split) used.add(versionKey(deployment.project, model, version));
      }
      for (const key of [...loaded.keys()]) if (!used.has(key)) await drop(key);
    },
    close: async () => {
      for (const key of [...loaded.keys()]) await drop(key);
    },
  };
};
