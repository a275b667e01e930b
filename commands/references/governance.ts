import type { EventStore } from "../../infra/event-store/port.ts";
import type { GuardedStage } from "../../schemas/lifecycle/model.ts";
import type { PolicyDefinition } from "../../schemas/lifecycle/policy.ts";
import { type Aggregate, streamName } from "../../schemas/lifecycle.ts";
import type { Checks } from "../checks.ts";
import { type Policy, policy } from "../policy/decider.ts";
import { judge, type Members } from "../policy/judge.ts";
import { checkNotLockedOut } from "../policy/lockout.ts";
import { type Project, project as projectDecider } from "../project/decider.ts";
import { type Fold, stateReader } from "../state-reader.ts";

/**
 * The rule of a gate: why a version with these metrics does not pass, null when it does. `champion` is null where no
 * version holds the stage.
 */
export type MetricGate = (
  metrics: Readonly<Record<string, number>>,
  champion: Readonly<Record<string, number>> | null,
) => string | null;

type Governance = Pick<Checks, "checkPolicy" | "judgePromotion"> & {
  /** The policy of a stage, null where there is none. */
  policyOf(project: string, stage: GuardedStage): Promise<PolicyDefinition | null>;
};

/** What policies ask of members, jobs and metrics. Only the streams in question are read. */
export const governanceChecks = (eventStore: EventStore, compileGate: (gate: string) => MetricGate): Governance => {
  const reader = stateReader(eventStore);
  const stateOf = async (aggregate: Aggregate, fold: unknown, project: string, id: string): Promise<unknown> =>
    (await reader.load(streamName(aggregate, project, id), fold as Fold)).state;

  const membersOf = async (project: string): Promise<Members> =>
    ((await stateOf("project", projectDecider, project, project)) as Project | null)?.members ?? new Map();

  const policyOf = async (project: string, stage: GuardedStage): Promise<PolicyDefinition | null> =>
    (await stateOf("policy", policy, project, stage)) as Policy;

  /** A version of a job is made by a worker, on behalf of who submitted the job. */
  const submitterOf = async (project: string, job: string | null): Promise<string[]> => {
    if (job === null) return [];
    for await (const { metadata } of eventStore.readStream(streamName("training-job", project, job))) {
      return [metadata.actor];
    }
    return [];
  };

  return {
    policyOf,

    async checkPolicy(project, definition) {
      if (definition.gate !== null) compileGate(definition.gate);
      checkNotLockedOut(definition, await membersOf(project));
    },

    async judgePromotion(project, stage, candidate) {
      const found = await policyOf(project, stage);
      if (found === null) return [];
      const { metrics, champion, author, trainingJob } = candidate;
      return judge(found, candidate, {
        members: await membersOf(project),
        authors: new Set([author, ...(await submitterOf(project, trainingJob))]),
        gate: found.gate === null ? null : compileGate(found.gate)(metrics, champion),
      });
    },
  };
};
