import assert from "node:assert/strict";
import { test } from "node:test";
import { type TestServer, testServer } from "./platform.ts";

const projectMutation = `mutation ($input: CreateProjectInput!, $key: String) {
  createProject(input: $input, idempotencyKey: $key) {
    position revision deduplicated events project { id slug name description createdBy createdAt members { member role } }
  }
}`;

type Created = {
  createProject: {
    position: string;
    deduplicated: boolean;
    events: string[];
    project: Record<"id" | "slug" | "name" | "createdBy" | "createdAt", string>;
  };
};

const createShop = (server: TestServer): Promise<Created> =>
  server.data<Created>(projectMutation, { input: { id: "shop", name: "Shop", description: null } });

for (const jit of [0, 1]) {
  const mode = jit === 0 ? "interpreted" : "compiled";

  test(`${mode}: a mutation answers with the document that it has led to`, async (t) => {
    const server = await testServer(t, { jit });
    const { createProject } = await createShop(server);
    assert.equal(createProject.project.slug, "shop");
    assert.equal(createProject.project.name, "Shop");
    assert.equal(createProject.project.createdBy, "local-admin");
    assert.match(createProject.project.createdAt, /^\d{4}-\d\d-\d\dT/);
    assert.deepEqual(createProject.events, ["ProjectCreated", "MemberGranted"]);
    assert.equal(createProject.deduplicated, false);
  });

  test(`${mode}: a node is found by its global id, with its concrete type`, async (t) => {
    const server = await testServer(t, { jit });
    const { createProject } = await createShop(server);
    for (let i = 0; i < 3; i++) {
      const { node, nodes } = await server.data(
        "query ($id: ID!) { node(id: $id) { __typename id ... on Project { name slug } } nodes(ids: [$id]) { __typename } }",
        { id: createProject.project.id },
      );
      assert.deepEqual(node, { __typename: "Project", id: createProject.project.id, name: "Shop", slug: "shop" });
      assert.deepEqual(nodes, [{ __typename: "Project" }]);
    }
  });
}
