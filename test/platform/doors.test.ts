import assert from "node:assert/strict";
import { test } from "node:test";
import Fastify from "fastify";
import { localAdmin } from "../../commands/gate.ts";
import { authenticateFirst } from "../../graphql/actor.ts";
import { type ProjectionDoorDeps, projectionDoor } from "../../platform/doors/projections.ts";
import { asMillraceError, MillraceError } from "../../schemas/errors.ts";
import { silent } from "./shop.ts";

/** The door alone, over a rebuild that the test makes up. */
const door = async (changes: Partial<ProjectionDoorDeps> = {}) => {
  const asked: string[] = [];
  const server = Fastify();
  authenticateFirst(server, { authenticate: async () => localAdmin });
  server.setErrorHandler((error, _, reply) => {
    const { status, code } = asMillraceError(error);
    return reply.code(status).send({ code });
  });
  await server.register(
    projectionDoor({
      gate: { authorize: async () => {} },
      logger: silent,
      rebuild: async (name, onProgress) => {
        asked.push(name);
        onProgress({ records: 5, share: 0.5, rate: 10 });
        return { name, records: 10, ms: 1 };
      },
      ...changes,
    }),
  );
  return { server, asked };
};

const linesOf = (body: string): unknown[] => {
  assert.ok(body.endsWith("\n"));
  return body
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
};

test("a rebuild answers line by line how far it is, and at the end what came of it", async () => {
  const { server, asked } = await door();
  const answer = await server.inject({ method: "POST", url: "/projections/tiles/rebuild" });
  assert.equal(answer.statusCode, 200);
  assert.deepEqual(linesOf(answer.body), [
    { type: "progress", records: 5, share: 0.5, rate: 10 },
    { type: "done", name: "tiles", records: 10, ms: 1 },
  ]);
  assert.deepEqual(asked, ["tiles"]);
});

test("a rebuild that fails says so with its code in the last line", async () => {
  const rebuild = async (): Promise<never> => {
    throw new MillraceError("WAREHOUSE_FAILED", "the warehouse is away");
  };
  const { server } = await door({ rebuild });
  const answer = await server.inject({ method: "POST", url: "/projections/audit/rebuild" });
  assert.deepEqual(linesOf(answer.body), [
    { type: "failed", code: "WAREHOUSE_FAILED", message: "the warehouse is away" },
  ]);
});

test("who may not is refused before anything begins, by the action rebuild", async () => {
  const actions: string[] = [];
  const gate = {
    authorize: async (_: unknown, action: string): Promise<void> => {
      actions.push(action);
      throw new MillraceError("FORBIDDEN", "no");
    },
  };
  const { server, asked } = await door({ gate });
  for (const [method, url] of [
    ["POST", "/projections/audit/rebuild"],
    ["GET", "/projections"],
  ] as const) {
    assert.equal((await server.inject({ method, url })).statusCode, 403);
  }
  assert.deepEqual(actions, ["rebuild", "rebuild"]);
  assert.deepEqual(asked, []);
});

test("a projection that is not known is not found", async () => {
  const { server, asked } = await door();
  for (const name of ["nonsense", "constructor", "__proto__"]) {
    const answer = await server.inject({ method: "POST", url: `/projections/${name}/rebuild` });
    assert.deepEqual(answer.json(), { code: "NOT_FOUND" });
  }
  assert.deepEqual(asked, []);
});
