import type { Artifacts } from "../../infra/artifacts/port.ts";
import { decodeProfile } from "../../ml/drift/profile.ts";
import { type Sketcher, sketcher } from "../../ml/drift/sketch.ts";
import { runtimeFingerprint } from "../../ml/onnx/runtime.ts";
import type { Scorer } from "../../ml/onnx/session.ts";
import { asMillraceError, MillraceError } from "../../schemas/errors.ts";
import type { Task } from "../../schemas/lifecycle/model.ts";
import type { ModelLimits } from "../../serving/limits.ts";
import type { GuardedScorer } from "../../serving/process-scorer.ts";
import { guardedScorer } from "../../serving/scorer.ts";
import type { CatalogVersion } from "../catalog.ts";

/**
 * A version made ready to score: its session, and the sketcher of its reference profile where it has one. One whose
 * file is missing, damaged or refused is ready, too: it refuses each row, so that its deployment's records become dead
 * letters while other deployments go on.
 */
export type ReadyVersion = {
  model: string;
  version: number;
  task: Task;
  columns: number;
  scorer: Pick<Scorer, "score" | "runtime">;
  sketcher(): Sketcher | null;
  /** Why no row is scored; null while rows are. */
  refusal(): MillraceError | null;
  /** That, or why drift is not sketched. */
  problem(): MillraceError | null;
  /** Whether a row had another answer in a batch than alone. */
  differed(): boolean;
  /** Reads again what was missing or damaged. */
  mend(): Promise<void>;
  /** Forgets on which rows the model took too long. */
  renew(): Promise<void>;
  close(): Promise<void>;
};

/** What lies with the file alone. Anything else may pass, and the task that needs the version waits for it. */
const faultyFile: readonly string[] = ["NOT_FOUND", "CORRUPT_ARTIFACT", "INVALID_MODEL"];

/** A profile has about a kilobyte a column. */
const mostProfileBytes = 2 ** 26;

type Loaded<T> = { value: T; fault: null } | { value: null; fault: MillraceError };

const loaded = async <T>(load: () => Promise<T>): Promise<Loaded<T>> => {
  try {
    return { value: await load(), fault: null };
  } catch (error) {
    const fault = asMillraceError(error);
    if (!faultyFile.includes(fault.code)) throw error;
    return { value: null, fault };
  }
};

const profileOf = async (artifacts: Artifacts, digest: string, columns: number): Promise<Sketcher> => {
  const found = await artifacts.stat(digest);
  if (found !== null && found.size > mostProfileBytes) {
    throw new MillraceError("CORRUPT_ARTIFACT", `The reference profile has ${found.size} bytes, which none has.`);
  }
  const profile = decodeProfile(await artifacts.read(digest));
  if (profile.columns.length !== columns + 1) {
    throw new MillraceError("CORRUPT_ARTIFACT", "The reference profile is of other columns than the model's.");
  }
  return sketcher(profile);
};

/** Rejects where the artifacts do not answer, and on the signal; where they answer, there is a version. */
export const readyVersion = async (
  version: CatalogVersion,
  artifacts: Artifacts,
  limits: ModelLimits,
  signal: AbortSignal,
): Promise<ReadyVersion> => {
  const columns = version.columns.length;
  const loadScorer = (): Promise<Loaded<GuardedScorer>> =>
    loaded(async () => guardedScorer(await artifacts.read(version.artifact), limits, version, signal));
  const loadSketcher = async (): Promise<Loaded<Sketcher> | null> => {
    const { profile } = version;
    return profile === null ? null : loaded(() => profileOf(artifacts, profile, columns));
  };
  let model = await loadScorer();
  let profile = await loadSketcher();
  const refusal = (): MillraceError | null => model.fault ?? model.value.failure();
  return {
    model: version.model,
    version: version.version,
    task: version.task,
    columns,
    scorer: {
      runtime: runtimeFingerprint,
      score: (rows, count) => (model.fault === null ? model.value.score(rows, count) : Promise.reject(model.fault)),
    },
    sketcher: () => profile?.value ?? null,
    refusal,
    problem: () => refusal() ?? profile?.fault ?? null,
    differed: () => model.value?.differed() ?? false,
    mend: async () => {
      if (model.fault !== null) model = await loadScorer();
      if (profile !== null && profile.fault !== null) profile = await loadSketcher();
    },
    renew: async () => {
      const before = model;
      model = await loadScorer();
      await before.value?.close();
    },
    close: async () => {
      await model.value?.close();
    },
  };
};
