import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { command } from "../../examples/flights/setup.ts";
import { millrace, root, run, spawnPlatform, startPlatform, temporaryFolder, until } from "./platform.ts";

const bin = join(root, "bin", "millrace.js");

test("start prints the URLs of its doors, and each of them answers", async (t) => {
  const platform = await startPlatform(t, temporaryFolder(t, "start"));
  const printed = platform.output();
  assert.match(printed, new RegExp(`GraphQL +${platform.url}/graphql`));
  assert.match(printed, new RegExp(`Records +POST ${platform.url}/topics/TOPIC`));
  assert.match(printed, /acts as the local admin/);
  assert.deepEqual(await platform.client.query("{ __typename }"), { __typename: "Query" });
  assert.deepEqual(await platform.sql("SELECT 1 AS one"), [{ one: 1 }]);
  await until("the platform is ready", 20_000, async () => (await fetch(`${platform.url}/health/ready`)).ok);
  assert.equal((await fetch(`${platform.url}/health/live`)).status, 200);
  assert.match(await (await fetch(`${platform.url}/metrics`)).text(), /process_cpu_seconds_total/);
  const doors = (await (await fetch(platform.url)).json()) as { graphql: string; topics: string };
  assert.equal(doors.graphql, `${platform.url}/graphql`);
  assert.equal(doors.topics, `${platform.url}/topics`);
});

test("a second instance on the same data is refused; after SIGTERM the data is there for the next", async (t) => {
  const data = temporaryFolder(t, "process");
  const platform = await startPlatform(t, data);
  await command(platform.client, "createProject", { id: "kept", name: "Kept" });

  const second = await spawnPlatform(data).ended;
  assert.equal(second.code, 1);
  const refusal = await millrace(["start", "--data", data, "--port", "0"]);
  assert.equal(refusal.code, 1);
  assert.match(refusal.output, /DATA_LOCKED: .* is in use by process \d+: stop it, or choose another data directory/);
  assert.match(refusal.output, new RegExp(`process ${platform.child.pid}\\b`));
  assert.deepEqual(await platform.client.query("{ __typename }"), { __typename: "Query" }, "the first goes on");

  const beside = await millrace(["doctor", "--data", data, "--port", new URL(platform.url).port]);
  assert.equal(beside.code, 0, beside.output);
  assert.match(beside.output, /ok +Warehouse/);

  assert.deepEqual(await platform.kill("SIGTERM"), { code: 0, signal: null }, platform.output());
  await assert.rejects(fetch(new URL(platform.warehouse).origin), "the warehouse ends with its platform");
  assert.equal((await millrace(["doctor", "--data", data])).code, 0);

  const next = await startPlatform(t, data);
  const { project } = await next.client.query<{ project: { name: string } }>('{ project(id: "kept") { name } }');
  assert.equal(project.name, "Kept");
  assert.deepEqual(await next.kill("SIGINT"), { code: 0, signal: null }, next.output());
});

test("the warehouse of a killed platform ends, and another platform takes its data at once", async (t) => {
  const data = temporaryFolder(t, "killed");
  const first = await startPlatform(t, data);
  await command(first.client, "createProject", { id: "kept", name: "Kept" });
  await first.kill("SIGKILL");
  const second = await startPlatform(t, data);
  const { project } = await second.client.query<{ project: { name: string } }>('{ project(id: "kept") { name } }');
  assert.equal(project.name, "Kept");
  await until("the first warehouse is gone", 20_000, () =>
    fetch(new URL(first.warehouse).origin).then(
      () => false,
      () => true,
    ),
  );
});

test("SIGTERM while it starts ends it as cleanly", async (t) => {
  const data = temporaryFolder(t, "early");
  const platform = spawnPlatform(data);
  t.after(() => platform.kill("SIGKILL"));
  await until("it has taken its data", 20_000, async () => existsSync(join(data, "lock.db")));
  assert.deepEqual(await platform.kill("SIGTERM"), { code: 0, signal: null }, platform.output());
  const next = await startPlatform(t, data);
  assert.deepEqual(await next.client.query("{ __typename }"), { __typename: "Query" });
});

test("what cannot be understood is refused with the way out", async (t) => {
  const data = temporaryFolder(t, "refused");
  const cases: [args: string[], environment: Record<string, string>, code: number, message: RegExp][] = [
    [["begin"], {}, 2, /no command "begin"; there are: start, demo, verify/],
    [["start", "--prot", "1"], {}, 2, /'--prot'[\s\S]*Usage: millrace start/],
    [["start", "--port", "many"], {}, 1, /INVALID_SETTING: PORT: expected a whole number from 0 to 65535, got "many"/],
    [["start", "--data", data], { STREAMS_MAX_BATCH: "0" }, 1, /INVALID_SETTING: STREAMS_MAX_BATCH: .*got "0"/],
    [["start", "--data", data], { DEVELOPMENT: "yes" }, 1, /DEVELOPMENT: expected true or false, got "yes"/],
    [["start", "--data", data], { BROKER: "kafka" }, 1, /BROKER: expected a URL such as .*got "kafka"/],
    [["start", "--data", data, "--port", "0"], { BROKER: "amqp://host" }, 1, /INVALID_SETTING: .*amqp/],
    [["start", "--data", data, "--log-level", "loud"], {}, 1, /INVALID_SETTING: LOG_LEVEL: expected one of .*"loud"/],
    [["demo", "--events", "lots"], {}, 1, /--events: expected a whole number from 1 on, got "lots"/],
    [["verify", "--data", join(data, "nothing")], {}, 1, /NOT_FOUND: there is no Millrace data in .*--data/],
    [
      ["dead-letters", "list", "--data", join(data, "nothing")],
      {},
      1,
      /NOT_FOUND: there is no Millrace data in .*--data/,
    ],
    [["verify", "--data", data, "--sample", "few"], {}, 1, /sample: expected a whole number.*"few"/],
    [["dead-letters", "--data", data], {}, 1, /BAD_REQUEST: dead-letters: say list or replay/],
    [["dead-letters", "list", "--data", data, "--limit", "x"], {}, 1, /limit: expected a whole number.*"x"/],
  ];
  for (const [args, environment, code, message] of cases) {
    const refused = await millrace(args, environment);
    assert.match(refused.output, message, args.join(" "));
    assert.equal(refused.code, code, args.join(" "));
    assert.doesNotMatch(refused.output, /\n\s+at .*\.ts:\d+/, `${args.join(" ")}: a stack trace is no answer`);
  }
  assert.equal(existsSync(join(data, "nothing")), false, "a refused command leaves nothing behind");
});

test("the command line runs on the Node of its dependencies, whatever Node starts it", async (t) => {
  const help = await run("npx", ["millrace", "--help"]);
  assert.equal(help.code, 0, help.output);
  assert.match(help.output, /Usage: millrace COMMAND/);
  const system = "/usr/bin/node";
  const node = existsSync(system) ? system : process.execPath;
  const again = await run(node, [bin, "help"]);
  assert.equal(again.code, 0, again.output);
  assert.match(again.output, /Usage: millrace COMMAND/);
  const none = await run(node, [bin, "nonsense"]);
  assert.equal(none.code, 2, "its exit code is the command's");

  const data = temporaryFolder(t, "bin");
  const doctor = await run(node, [bin, "doctor", "--data", data]);
  assert.match(doctor.output, /ok +Node +v24\./);
  assert.equal(doctor.code, 0, doctor.output);
});

test("a port that is taken is named", async (t) => {
  const platform = await startPlatform(t, temporaryFolder(t, "port"));
  const { port } = new URL(platform.url);
  const other = await millrace(["start", "--data", temporaryFolder(t, "port"), "--port", port]);
  assert.equal(other.code, 1);
  assert.match(other.output, new RegExp(`INVALID_SETTING: .*${port}.*in use`));
  assert.deepEqual(await platform.client.query("{ __typename }"), { __typename: "Query" });
});
