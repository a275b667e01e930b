import assert from "node:assert/strict";
import { test } from "node:test";
import { millrace, startPlatform, temporaryFolder } from "../e2e/platform.ts";
import { kurrentDbDouble } from "./kurrentdb-double.ts";
import { strange } from "./kurrentdb-started.ts";

const mutation = (name: string, input: string): string =>
  `mutation { ${name}(project: "shop", input: { ${input} }) { position } }`;
const register = (id: string): string => mutation("registerModel", `id: "${id}"`);
const tag = (id: string): string => mutation("setModelTag", `model: "${id}", key: "team", value: "ops"`);

/** One platform for all of it: each start takes seconds. */
test("on a KurrentDB that others use, write into and delete from, the platform goes on and says what is gone", async (t) => {
  const double = await kurrentDbDouble();
  t.after(() => double.close());
  const writeStrange = (stream: string): void => {
    for (const event of Object.values(strange)) double.writeForeign(stream, event);
  };
  writeStrange("orders-1");
  const data = temporaryFolder(t, "kurrentdb");
  const environment = { EVENT_STORE: double.url, STREAMS_THREADS: "1" };
  let running = await startPlatform(t, data, environment);
  const ask = (query: string) => running.client.query(query);
  await ask('mutation { createProject(input: { id: "shop", name: "Shop" }) { position } }');
  const models = ["sound", "strange", "deleted", "gone", "short"];
  for (const model of models) {
    await ask(register(model));
    await ask(tag(model));
  }

  writeStrange("orders-2");
  writeStrange("model-shop/strange");
  double.softDelete("model-shop/deleted");
  double.tombstone("model-shop/gone");
  double.setMetadata("model-shop/short", { $maxCount: 1 });

  const refused = async (when: string): Promise<void> => {
    await assert.rejects(
      ask(mutation("removeModelTag", 'model: "strange", key: "team"')),
      /UNREADABLE_EVENT.*revision 2/,
      when,
    );
    for (const model of ["deleted", "gone"]) {
      for (const command of [register(model), tag(model)]) {
        await assert.rejects(ask(command), /HISTORY_INCOMPLETE/, `${when}: ${command}`);
      }
    }
    await ask(mutation("setModelTag", `model: "sound", key: "when", value: "${when}"`));
  };
  await refused("while it runs");
  assert.match(await (await fetch(`${running.url}/metrics`)).text(), /faulty_streams\{code="UNREADABLE_EVENT"\} 1/);
  assert.deepEqual(await running.kill("SIGTERM"), { code: 0, signal: null });

  running = await startPlatform(t, data, environment);
  await refused("after a start");
  for (const command of [register("short"), tag("short")]) {
    await assert.rejects(ask(command), /HISTORY_INCOMPLETE/, command);
  }
  const { models: shown } = await running.client.query<{ models: { edges: { node: { slug: string } }[] } }>(
    '{ models(project: "shop", first: 10) { edges { node { slug } } } }',
  );
  assert.deepEqual(shown.edges.map(({ node }) => node.slug).sort(), [...models].sort());
  assert.match(running.output(), /model-shop\/strange cannot be read from revision 2 on/);
  await running.kill("SIGTERM");

  for (const command of [["audit", "verify", "--data", data], ["doctor"]]) {
    const { code, output } = await millrace(command, { ...environment, DATA: data });
    assert.equal(code, 1, output);
    assert.match(output, /UNREADABLE_EVENT: model-shop\/strange cannot be read from revision 2 on \(position \d+\)/);
    for (const model of ["deleted", "gone", "short"]) {
      assert.match(output, new RegExp(`HISTORY_INCOMPLETE: .*model-shop/${model}`), output);
    }
    assert.doesNotMatch(output, /orders|model-shop\/sound/);
  }
});
