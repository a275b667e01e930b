import type { PolicyDefinition } from "../../schemas/lifecycle/policy.ts";
import type { Role } from "../../schemas/lifecycle/project.ts";
import type { FailedRule } from "../model/stages.ts";
import type { Approval } from "../model/state.ts";
import type { Candidate } from "./candidate.ts";

export type Members = ReadonlyMap<string, Role>;

/** What the judgement takes from outside of the candidate. */
export type Circumstances = {
  members: Members;
  /** Who made the version. */
  authors: ReadonlySet<string>;
  /** Why the gate does not let the version pass; null when it does. */
  gate: string | null;
};

const counted = (number: number): string => (number === 1 ? "1 approval" : `${number} approvals`);

const list = (names: Iterable<string>): string => [...names].join(", ");

/** Who has approved in a role that counts. The roles are those of now: who has left does not count any more. */
const approvers = ({ roles }: PolicyDefinition, approvals: readonly Approval[], members: Members): Set<string> =>
  new Set(
    approvals
      .filter(({ by, admin }) => {
        const role = members.get(by);
        return (admin && roles.includes("Admin")) || (role !== undefined && roles.includes(role));
      })
      .map(({ by }) => by),
  );

const judgeApprovals = (
  policy: PolicyDefinition,
  { approvals }: Candidate,
  { members, authors }: Circumstances,
): FailedRule[] => {
  const all = approvers(policy, approvals, members);
  const own = policy.fourEyes ? [...all].filter((who) => authors.has(who)) : [];
  const others = [...all].filter((who) => !own.includes(who));
  if (others.length >= policy.approvals) return [];
  const given = others.length === 0 ? "none is given" : `given: ${list(others)}`;
  const needed = `${counted(policy.approvals)} in a role of ${policy.roles.join(", ")} needed, ${given}`;
  if (own.length === 0) return [{ rule: "approvals", message: needed }];
  const notOwn = `${needed}; ${list(own)} made the version, so that approval does not count`;
  return [{ rule: all.size >= policy.approvals ? "fourEyes" : "approvals", message: notOwn }];
};

const judgeLineage = (policy: PolicyDefinition, { lineage }: Candidate): FailedRule[] => {
  const missing = policy.lineage.filter((kind) => !lineage.includes(kind));
  return missing.length === 0
    ? []
    : [{ rule: "lineage", message: `its lineage must name a ${missing.join(" and a ")}, which it does not` }];
};

/** Every rule that the candidate does not meet; none when it may enter the stage. */
export const judge = (policy: PolicyDefinition, candidate: Candidate, circumstances: Circumstances): FailedRule[] => [
  ...judgeApprovals(policy, candidate, circumstances),
  ...(circumstances.gate === null ? [] : [{ rule: "gate", message: circumstances.gate } as const]),
  ...judgeLineage(policy, candidate),
];
