import type { PolicyDefinition } from "../../schemas/lifecycle/policy.ts";
import { refused } from "../refusals.ts";
import type { Members } from "./judge.ts";

/**
 * ILLEGAL_STATE for a policy that no version could meet, whoever made it, because the project has too few members who
 * could approve. Administrators of the platform who are no members are not known, so they are not reckoned with.
 */
export const checkNotLockedOut = ({ approvals, roles, fourEyes }: PolicyDefinition, members: Members): void => {
  const eligible = [...members].filter(([, role]) => roles.includes(role)).map(([who]) => who);
  const authors = [...members].filter(([, role]) => role !== "Regular_User").map(([who]) => who);
  const withoutAuthor = authors.map((author) => eligible.filter((who) => who !== author).length);
  const available = fourEyes ? Math.max(0, ...withoutAuthor) : eligible.length;
  if (available >= approvals) return;
  const who = `the project has ${eligible.length} ${eligible.length === 1 ? "member" : "members"} of ${roles.join(", ")}`;
  const author = fourEyes ? ", of whom the author of a version does not count" : "";
  throw refused(
    `the policy would lock everybody out: it needs ${approvals} to approve, but ${who}${author}; grant roles first, or ask for less`,
  );
};
