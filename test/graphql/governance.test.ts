import assert from "node:assert/strict";
import { test } from "node:test";
import { type TestServer, testServer } from "./platform.ts";
import { openShop } from "./shop.ts";

const as = (name: string) => ({ authorization: `Bearer ${name}` });

/** A request of somebody; any error fails the test. */
const must = async (server: TestServer, who: string, query: string, variables: object = {}) => {
  const { data, errors } = await server.ask(query, variables, as(who));
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data as Record<string, Record<string, never>>;
};

const PROMOTE = `mutation ($model: String!, $version: Int!) {
  transitionStage(project: "shop", input: { model: $model, version: $version, stage: Production }) {
    model { stages { stage champion versions } }
    modelVersion { stage approvals { by stage comment } }
  }
}`;

for (const jit of [0, 1]) {
  const mode = jit === 0 ? "interpreted" : "compiled";

  test(`${mode}: a promotion under a policy, from the refusal to the rollback`, async (t) => {
    const server = await testServer(t, { jit });
    await openShop(server);
    const members = { ann: "Admin", bob: "Data_Scientist", cat: "Data_Scientist" };
    for (const [member, role] of Object.entries(members)) {
      await server.data(
        `mutation { grantRole(project: "shop", input: { member: "${member}", role: ${role} }) { revision } }`,
      );
    }
    const { setPolicy } = await must(
      server,
      "ann",
      `mutation { setPolicy(project: "shop", input: {
        stage: Production, approvals: 1, gate: "auc >= 0.7 and auc >= champion.auc - 0.01", lineage: [code]
      }) { policy { slug stage approvals roles fourEyes gate lineage status } } }`,
    );
    assert.deepEqual(setPolicy.policy, {
      slug: "Production",
      stage: "Production",
      approvals: 1,
      roles: ["Admin", "Data_Scientist"],
      fourEyes: true,
      gate: "auc >= 0.7 and auc >= champion.auc - 0.01",
      lineage: ["code"],
      status: "active",
    });

    const model = "Zahler für Züge";
    await must(
      server,
      "bob",
      'mutation ($id: String!) { registerModel(project: "shop", input: { id: $id }) { revision } }',
      {
        id: model,
      },
    );
    for (const auc of [0.8, 0.82]) {
      await must(
        server,
        "bob",
        `mutation ($model: String!, $artifact: String!, $metrics: NumberMap!) {
          createModelVersion(project: "shop", input: {
            model: $model, artifact: $artifact, columns: ["a", "b"], metrics: $metrics, lineage: { code: "commit 1a2b" }
          }) { modelVersion { version format stage run lineage { run datasets { dataset } } } }
        }`,
        { model, artifact: (await server.deps.artifacts.put(Buffer.from(String(auc)))).digest, metrics: { auc } },
      );
    }

    const { errors } = await server.ask(PROMOTE, { model, version: 1 }, as("bob"));
    assert.equal(errors?.[0].extensions.code, "POLICY_NOT_MET");
    const details = errors?.[0].extensions.details as { failed: { rule: string; message: string }[] } | undefined;
    assert.deepEqual(
      details?.failed.map(({ rule }) => rule),
      ["approvals"],
    );

    const approve = `mutation ($model: String!, $version: Int!) {
      giveApproval(project: "shop", input: { model: $model, version: $version, stage: Production, comment: "fine" }) {
        events
      }
    }`;
    for (const version of [1, 2]) {
      await must(server, "cat", approve, { model, version });
      await must(server, "bob", PROMOTE, { model, version });
    }
    const { modelVersion, model: found } = await must(
      server,
      "bob",
      `query ($model: String!, $id: String!) {
        modelVersion(project: "shop", id: $id) { stage approvals { by stage comment } }
        model(project: "shop", id: $model) { id stages { stage champion versions } }
      }`,
      { model, id: `${model}/1` },
    );
    assert.deepEqual(modelVersion, {
      stage: "Archived",
      approvals: [{ by: "cat", stage: "Production", comment: "fine" }],
    });
    assert.deepEqual(found.stages, [{ stage: "Production", champion: 2, versions: [2] }]);
    const { node } = await must(server, "bob", "query ($id: ID!) { node(id: $id) { ... on Model { slug } } }", {
      id: found.id,
    });
    assert.deepEqual(node, { slug: model });

    const { rollBackStage } = await must(
      server,
      "bob",
      `mutation ($model: String!) {
        rollBackStage(project: "shop", input: { model: $model, stage: Production, comment: "complaints" }) {
          modelVersion { version stage } model { stages { champion } }
        }
      }`,
      { model },
    );
    assert.deepEqual(rollBackStage, {
      modelVersion: { version: 1, stage: "Production" },
      model: { stages: [{ champion: 1 }] },
    });

    const refused = await server.ask(
      'mutation { removePolicy(project: "shop", input: { stage: Production }) { revision } }',
      {},
      as("bob"),
    );
    assert.equal(refused.errors?.[0].extensions.code, "FORBIDDEN");
    await must(server, "ann", 'mutation { removePolicy(project: "shop", input: { stage: Production }) { revision } }');
    const { policies } = await must(server, "bob", '{ policies(project: "shop") { edges { node { stage status } } } }');
    assert.deepEqual(policies.edges, [{ node: { stage: "Production", status: "removed" } }]);
  });
}

test("tags and descriptions are read as they were written", async (t) => {
  const server = await testServer(t);
  await openShop(server);
  await server.data(`mutation {
    registerModel(project: "shop", input: { id: "payer" }) { revision }
    createModelVersion(project: "shop", input: { model: "payer", format: other, source: "runs:/1/model" }) { revision }
    setModelTag(project: "shop", input: { model: "payer", key: "team", value: "risk" }) { revision }
    describeModel(project: "shop", input: { model: "payer", description: "who pays" }) { revision }
    setModelVersionTag(project: "shop", input: { model: "payer", version: 1, key: "data", value: "may" }) { revision }
    describeModelVersion(project: "shop", input: { model: "payer", version: 1, description: "first" }) { revision }
    a: setModelTag(project: "shop", input: { model: "payer", key: "old", value: "x" }) { revision }
    removeModelTag(project: "shop", input: { model: "payer", key: "old" }) { position }
  }`);
  const read = `mutation { describeModel(project: "shop", input: { model: "payer", description: "who pays" }) {
    model { description tags versions { description tags format artifact task source status } }
  } }`;
  assert.deepEqual(await server.data(read), {
    describeModel: {
      model: {
        description: "who pays",
        tags: { team: "risk" },
        versions: [
          {
            description: "first",
            tags: { data: "may" },
            format: "other",
            artifact: null,
            task: null,
            source: "runs:/1/model",
            status: "pending",
          },
        ],
      },
    },
  });
  const gone = `mutation { deleteModelVersion(project: "shop", input: { model: "payer", version: 1 }) {
    events model { latestVersion versions { version } } modelVersion { status }
  } }`;
  assert.deepEqual(await server.data(gone), {
    deleteModelVersion: {
      events: ["ModelVersionDeleted"],
      model: { latestVersion: 1, versions: [] },
      modelVersion: { status: "deleted" },
    },
  });
});
