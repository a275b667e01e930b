import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import { ApolloClient, type ApolloLink, gql as apolloGql, HttpLink, InMemoryCache } from "@apollo/client";
import { BatchHttpLink } from "@apollo/client/link/batch-http";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { Client, fetchExchange, gql } from "@urql/core";
import { root, run } from "../e2e/platform.ts";
import { testServer } from "../graphql/platform.ts";
import { openShop } from "../graphql/shop.ts";
import { predicting } from "./clients/predicting.ts";
import { pythonWith } from "./python.ts";

const folder = join(root, "test/engines/clients");
const found = pythonWith(join(folder, "requirements.txt"));

type Projects = { projects: { edges: { node: { slug: string } }[] } };
const query = "{ projects(first: 1) { edges { node { id slug } } } }";

test("Apollo asks by its default link, by persisted queries, also by GET, and hears why a batch is refused", async (t) => {
  const server = await testServer(t);
  await openShop(server);
  const uri = `${server.url}/graphql`;
  const ask = async (link: ApolloLink): Promise<string | undefined> => {
    const client = new ApolloClient({ link, cache: new InMemoryCache() });
    const { data } = await client.query<Projects>({ query: apolloGql(query) });
    return data?.projects.edges[0].node.slug;
  };
  const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
  const headers = { "apollo-require-preflight": "true" };
  assert.equal(await ask(new HttpLink({ uri })), "shop");
  assert.equal(await ask(new PersistedQueryLink({ sha256 }).concat(new HttpLink({ uri }))), "shop");
  const byGet = new PersistedQueryLink({ sha256, useGETForHashedQueries: true });
  assert.equal(await ask(byGet.concat(new HttpLink({ uri, headers }))), "shop");
  await assert.rejects(ask(new BatchHttpLink({ uri })), /batches are not taken/);
});

test("urql, which asks by GET, is told which header it needs, and passes with it", async (t) => {
  const server = await testServer(t);
  await openShop(server);
  const ask = (fetchOptions: RequestInit = {}) =>
    new Client({ url: `${server.url}/graphql`, exchanges: [fetchExchange], fetchOptions, preferGetMethod: true })
      .query<Projects>(gql(query), {})
      .toPromise();
  assert.match((await ask()).error?.message ?? "", /apollo-require-preflight/);
  const { data } = await ask({ headers: { "apollo-require-preflight": "true" } });
  assert.equal(data?.projects.edges[0].node.slug, "shop");
});

test("Python's gql and Confluent's registry client pass with their defaults, and its deserializer reads predictions", {
  skip: "missing" in found ? found.missing : false,
}, async (t) => {
  assert.ok("path" in found);
  const server = await predicting(t);
  const { code, output } = await run(found.path, [join(folder, "doors.py")], {
    MILLRACE: server.url,
    PYTHONDONTWRITEBYTECODE: "1",
  });
  assert.equal(code, 0, output);
  assert.match(output, /gql over HTTP\ngql over a socket\nconfluent-kafka's registry client\npredictions by/);
});
