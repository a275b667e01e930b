import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { Redis } from "ioredis";
import { project } from "../../examples/flights/definitions.ts";
import { command } from "../../examples/flights/setup.ts";
import { startPlatform, temporaryFolder, until } from "../e2e/platform.ts";

const url = process.env.REDIS_URL;
const skip = url === undefined ? "needs REDIS_URL" : false;
const rounds = 5;

test("Redis loses everything while commands are given: every document is there again", { skip }, async (t) => {
  const prefix = `emptied-${randomUUID().slice(0, 8)}:`;
  const platform = await startPlatform(t, temporaryFolder(t, "emptied"), { ONLINE_STORE: `${url}?prefix=${prefix}` });
  const { client } = platform;
  const redis = new Redis(url as string);
  t.after(() => redis.disconnect());
  const emptied = async (): Promise<void> => {
    const keys = await redis.keys(`${prefix}*`);
    if (keys.length > 0) await redis.unlink(keys);
  };
  const created: string[] = [];
  const create = async (id: string): Promise<void> => {
    await command(client, "registerModel", { id });
    created.push(id);
  };
  const seen = async (): Promise<string[]> => {
    const query = `{ models(project: "${project}", first: 100) { edges { node { slug } } } }`;
    const { models } = await client.query<{ models: { edges: { node: { slug: string } }[] } }>(query);
    return models.edges.map(({ node }) => node.slug);
  };
  await command(client, "createProject", { id: project, name: "Emptied" });
  for (let round = 0; round < rounds; round++) {
    await create(`before-${round}`);
    await Promise.all([
      emptied(),
      create(`while-${round}`).catch((error: Error) => {
        // The answer waits for the document, and gives up before the store is filled again; the command is done.
        assert.match(error.message, /PROJECTION_BEHIND/);
        created.push(`while-${round}`);
      }),
    ]);
    await until(`all ${created.length} models`, 30_000, async () => (await seen()).length === created.length);
  }
  assert.deepEqual((await seen()).sort(), created.sort());
  assert.equal((await platform.kill("SIGTERM")).code, 0, platform.output());
});
