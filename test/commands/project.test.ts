import { test } from "node:test";
import { project } from "../../commands/project/decider.ts";
import type { ProjectEvent } from "../../schemas/lifecycle/project.ts";
import { spec } from "./specification.ts";

const created: ProjectEvent[] = [
  { type: "ProjectCreated", data: { name: "Shop", description: "" } },
  { type: "MemberGranted", data: { member: "ann", role: "Admin" } },
];
const create = { type: "CreateProject", data: { id: "shop", name: "Shop", description: "" } } as const;

test("whoever creates a project is its first Admin", () => {
  spec(project)
    .given()
    .when(create)
    .then(...created);
});

test("creating the same again changes nothing; creating another of the name is refused", () => {
  const shop = spec(project).given(...created);
  shop.when(create).then();
  shop.when({ ...create, data: { ...create.data, name: "Store" } }).thenError("ALREADY_EXISTS", /"shop"/);
});

test("a project is renamed once", () => {
  const shop = spec(project).given(...created);
  shop
    .when({ type: "RenameProject", data: { name: "Store" } })
    .then({ type: "ProjectRenamed", data: { name: "Store" } });
  shop.when({ type: "RenameProject", data: { name: "Shop" } }).then();
});

test("what does not exist cannot be renamed or shared", () => {
  const nothing = spec(project).given();
  nothing.when({ type: "RenameProject", data: { name: "x" } }).thenError("NOT_FOUND");
  nothing.when({ type: "GrantRole", data: { member: "bob", role: "Admin" } }).thenError("NOT_FOUND");
});

test("roles are granted, changed and revoked", () => {
  const shop = spec(project).given(...created);
  const bob = { type: "MemberGranted", data: { member: "bob", role: "Data_Scientist" } } as const;
  shop.when({ type: "GrantRole", data: bob.data }).then(bob);
  const shared = spec(project).given(...created, bob);
  shared.when({ type: "GrantRole", data: bob.data }).then();
  shared.when({ type: "RevokeRole", data: { member: "bob" } }).then({ type: "MemberRevoked", data: { member: "bob" } });
  shared.when({ type: "RevokeRole", data: { member: "eve" } }).then();
});

test("the last Admin stays", () => {
  const shop = spec(project).given(...created);
  shop.when({ type: "RevokeRole", data: { member: "ann" } }).thenError("ILLEGAL_STATE", /last Admin/);
  shop.when({ type: "GrantRole", data: { member: "ann", role: "Regular_User" } }).thenError("ILLEGAL_STATE");
  spec(project)
    .given(...created, { type: "MemberGranted", data: { member: "bob", role: "Admin" } })
    .when({ type: "RevokeRole", data: { member: "ann" } })
    .then({ type: "MemberRevoked", data: { member: "ann" } });
});
