import assert from "node:assert/strict";
import { test } from "node:test";
import type { Candidate } from "../../commands/policy/candidate.ts";
import { policy } from "../../commands/policy/decider.ts";
import { judge } from "../../commands/policy/judge.ts";
import { checkNotLockedOut } from "../../commands/policy/lockout.ts";
import type { PolicyDefinition, PolicyEvent } from "../../schemas/lifecycle/policy.ts";
import type { Role } from "../../schemas/lifecycle/project.ts";
import { spec } from "./specification.ts";

const definition: PolicyDefinition = {
  stage: "Production",
  approvals: 1,
  roles: ["Admin", "Data_Scientist"],
  fourEyes: true,
  gate: null,
  lineage: [],
};
const set: PolicyEvent = { type: "PolicySet", data: definition };
const removed: PolicyEvent = { type: "PolicyRemoved", data: {} };

const members = new Map<string, Role>([
  ["ann", "Admin"],
  ["bob", "Data_Scientist"],
  ["eve", "Regular_User"],
]);

test("a policy is set, changed, removed, and set again", () => {
  const command = { type: "SetPolicy", data: definition } as const;
  const remove = { type: "RemovePolicy", data: { stage: "Production" } } as const;
  spec(policy).given().when(command).then(set);
  spec(policy).given(set).when(command).then();
  const stricter = { ...definition, approvals: 2 };
  spec(policy)
    .given(set)
    .when({ ...command, data: stricter })
    .then({ type: "PolicySet", data: stricter });
  spec(policy).given(set).when(remove).then(removed);
  spec(policy).given(set, removed).when(remove).then();
  spec(policy).given(set, removed).when(command).then(set);
});

test("those who only read cannot be asked to approve", () => {
  spec(policy)
    .given()
    .when({ type: "SetPolicy", data: { ...definition, roles: ["Admin", "Regular_User"] } })
    .thenError("BAD_REQUEST", /roles: a Regular_User only reads/);
});

test("four eyes without approvals mean nothing and are refused", () => {
  spec(policy)
    .given()
    .when({ type: "SetPolicy", data: { ...definition, approvals: 0 } })
    .thenError("BAD_REQUEST", /fourEyes/);
});

const candidate: Candidate = {
  author: "ann",
  trainingJob: null,
  approvals: [],
  metrics: {},
  lineage: [],
  champion: null,
};
const by = (...who: string[]) => who.map((name) => ({ by: name, admin: false, stage: null }));

const judged = (
  rules: Partial<PolicyDefinition>,
  facts: Partial<Candidate>,
  authors = ["ann"],
  gate: string | null = null,
) => judge({ ...definition, ...rules }, { ...candidate, ...facts }, { members, authors: new Set(authors), gate });

test("approvals are counted by person, in the roles that the policy names", () => {
  const two = { approvals: 2, fourEyes: false };
  assert.deepEqual(judged(two, { approvals: by("ann", "bob") }), []);
  const [twice] = judged(two, { approvals: by("bob", "bob") });
  assert.equal(twice.rule, "approvals");
  assert.match(twice.message, /2 approvals in a role of Admin, Data_Scientist needed, given: bob/);
  assert.equal(judged(two, { approvals: by("bob", "eve") }).length, 1);
  assert.equal(judged(two, { approvals: by("bob", "stranger") }).length, 1);
  assert.deepEqual(judged({ roles: ["Admin"] }, { approvals: by("bob") }).length, 1);
  assert.match(judged({}, {})[0].message, /1 approval in .* none is given/);
});

test("an administrator of the platform counts as Admin", () => {
  const approvals = [{ by: "root", admin: true, stage: null }];
  assert.deepEqual(judged({}, { approvals }), []);
  assert.equal(judged({ roles: ["Data_Scientist"] }, { approvals }).length, 1);
});

test("with four eyes the author's approval does not count, nor that of who had the version trained", () => {
  const [own] = judged({}, { approvals: by("ann") });
  assert.equal(own.rule, "fourEyes");
  assert.match(own.message, /ann made the version, so that approval does not count/);
  assert.equal(judged({}, { approvals: by("bob") }, ["worker", "bob"])[0].rule, "fourEyes");
  assert.deepEqual(judged({}, { approvals: by("ann", "bob") }), []);
  assert.deepEqual(judged({ fourEyes: false }, { approvals: by("ann") }), []);
  assert.equal(judged({ approvals: 3 }, { approvals: by("ann") })[0].rule, "approvals");
});

test("a version must name the origins that the policy asks for", () => {
  const asked = { approvals: 0, lineage: ["run", "code"] as PolicyDefinition["lineage"] };
  assert.deepEqual(judged(asked, { lineage: ["run", "code", "dataset"] }), []);
  assert.deepEqual(
    judged(asked, { lineage: ["run"] }).map(({ rule, message }) => [rule, /a code, which it does not/.test(message)]),
    [["lineage", true]],
  );
});

test("every rule that fails is named", () => {
  const failed = judged({ lineage: ["run"] }, {}, ["ann"], "auc is low");
  assert.deepEqual(
    failed.map(({ rule }) => rule),
    ["approvals", "gate", "lineage"],
  );
});

test("a policy that nobody could ever meet is refused", () => {
  const check = (rules: Partial<PolicyDefinition>, who: [string, Role][]) =>
    checkNotLockedOut({ ...definition, ...rules }, new Map(who));
  const locked = { code: "ILLEGAL_STATE", message: /would lock everybody out/ };
  const ann: [string, Role] = ["ann", "Admin"];
  const bob: [string, Role] = ["bob", "Data_Scientist"];
  assert.throws(() => check({}, [ann]), locked);
  check({}, [ann, bob]);
  check({ fourEyes: false }, [ann]);
  assert.throws(() => check({ fourEyes: false, approvals: 2 }, [ann]), locked);
  assert.throws(() => check({ approvals: 2 }, [ann, bob]), locked);
  // Versions by bob can be approved by ann, so the project goes on.
  check({ roles: ["Admin"] }, [ann, bob]);
  assert.throws(() => check({ roles: ["Admin"], fourEyes: false }, [bob]), locked);
  check({ approvals: 0, fourEyes: false }, []);
});
