import type { Artifacts } from "../../infra/artifacts/port.ts";
import { MillraceError } from "../../schemas/errors.ts";
import type { ModelLimits } from "../../serving/limits.ts";
import { type CatalogDeployment, type CatalogVersion, versionKey } from "../catalog.ts";
import { type ReadyVersion, readyVersion } from "./ready-version.ts";

export type VersionLoader = {
  /** Loads each version once for the process; sessions live until `close`, or until `retain` drops them. */
  load(deployment: CatalogDeployment, versions: ReadonlyMap<string, CatalogVersion>): Promise<ReadyVersion[]>;
  /** Reads again, with a growing pause, what was missing or damaged when it was loaded. */
  mend(): Promise<void>;
  /** Closes the versions that no deployment uses any more. */
  retain(deployments: Iterable<CatalogDeployment>): Promise<void>;
  /** Cuts off models that are loaded or scored in processes. It rejects with CLOSED, so that nothing is decided by it. */
  abandon(): void;
  close(): Promise<void>;
};

export type VersionLoaderOptions = {
  artifacts: Artifacts;
  limits: ModelLimits;
  /** Milliseconds. */
  clock: () => number;
};

type Entry = {
  ready: Promise<ReadyVersion>;
  /** Deployment revisions that it was loaded for. */
  revisions: Set<string>;
  mendAt: number;
  mends: number;
};

const firstMendMs = 5_000;
const longestMendMs = 60_000;

export const versionLoader = ({ artifacts, limits, clock }: VersionLoaderOptions): VersionLoader => {
  const loaded = new Map<string, Entry>();
  const abandoned = new AbortController();

  const entryOf = (key: string, version: CatalogVersion): Entry => {
    const held = loaded.get(key);
    if (held !== undefined) return held;
    const entry: Entry = {
      ready: readyVersion(version, artifacts, limits, abandoned.signal),
      revisions: new Set(),
      mendAt: clock() + firstMendMs,
      mends: 0,
    };
    loaded.set(key, entry);
    entry.ready.catch(() => loaded.delete(key));
    return entry;
  };

  /** Somebody has changed the deployment: a model that was given up gets another chance. */
  const revised = async (entry: Entry, revision: string): Promise<ReadyVersion> => {
    const ready = await entry.ready;
    if (!entry.revisions.has(revision) && ready.refusal() !== null) await ready.renew();
    entry.revisions.add(revision);
    return ready;
  };

  const drop = async (key: string): Promise<void> => {
    const entry = loaded.get(key);
    loaded.delete(key);
    await entry?.ready.then((version) => version.close()).catch(() => {});
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
          return revised(entryOf(key, found), `${deployment.id}/${deployment.revision}`);
        }),
      ),
    mend: async () => {
      for (const entry of loaded.values()) {
        if (entry.mendAt > clock()) continue;
        const ready = await entry.ready;
        // Until the artifacts answer, what is broken stays so.
        if (ready.problem() !== null) await ready.mend().catch(() => {});
        entry.mends = ready.problem() === null ? 0 : entry.mends + 1;
        entry.mendAt = clock() + Math.min(longestMendMs, firstMendMs * 2 ** entry.mends);
      }
    },
    retain: async (deployments) => {
      const used = new Set<string>();
      for (const deployment of deployments) {
        for (const { model, version } of deployment.split) used.add(versionKey(deployment.project, model, version));
      }
      for (const key of [...loaded.keys()]) if (!used.has(key)) await drop(key);
    },
    abandon: () => abandoned.abort(),
    close: async () => {
      for (const key of [...loaded.keys()]) await drop(key);
    },
  };
};
