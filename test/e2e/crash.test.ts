import assert from "node:assert/strict";
import { test } from "node:test";
import { randomOf, setUp, traffic } from "./flights.ts";
import { millrace, spawnPlatform, startPlatform, temporaryFolder, until } from "./platform.ts";
import { isConnectionLost, predicted, resume, send } from "./producer.ts";
import { answers, settled, type Tables, tables } from "./rows.ts";

const seed = 20010301;
const eventsACall = 250;
/** The order in which a task takes its inputs' records must come from their times alone. */
const patient = { STREAMS_MAX_TASK_IDLE_MS: "3600000" };

const moment = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

test("killed again and again, the platform ends with the same rows as one that ran undisturbed", async (t) => {
  const flights = await traffic(eventsACall);

  const undisturbed = await startPlatform(t, temporaryFolder(t, "undisturbed"), patient);
  await setUp(undisturbed.client);
  assert.equal(await send(undisturbed.url, flights, 0, answers), flights.calls.length);
  const expected = await settled(undisturbed, flights);
  assert.equal((await undisturbed.kill("SIGTERM")).code, 0, undisturbed.output());

  // Small batches: many commits to be killed between, and other batches than those of the undisturbed run.
  const environment = { ...patient, STREAMS_MAX_BATCH: "300" };
  const data = temporaryFolder(t, "killed");
  const random = randomOf(seed);
  for (const commands of ["killed", "killed", "killed", "given to the end"]) {
    const platform = await startPlatform(t, data, environment);
    // Giving a command again is free, so that whoever lost an answer begins anew.
    const given = setUp(platform.client);
    if (commands === "killed") {
      const failed = given.then(
        () => null,
        (error: Error) => error,
      );
      await moment(random() * 400);
      await platform.kill("SIGKILL");
      const error = await failed;
      if (error !== null) assert.ok(isConnectionLost(error), String(error));
    } else {
      await given;
      await platform.kill("SIGKILL");
    }
  }

  const total = answers * flights.departures;
  for (const life of [1, 2, 3, 4, 5, 6]) {
    const infant = spawnPlatform(data, environment);
    t.after(() => infant.kill("SIGKILL"));
    await moment(random() * 1500);
    await infant.kill("SIGKILL");

    const platform = await startPlatform(t, data, environment);
    const from = await resume(platform.url, flights);
    const before = await predicted(platform.url);
    // The last life ends when all is predicted, but has hardly come to the warehouse.
    const goal = life === 6 ? total : before + (total - before) * (0.05 + 0.3 * random());
    const sending = send(platform.url, flights, from, answers);
    await until(`${goal} predictions`, 60_000, async () => (await predicted(platform.url)) >= goal);
    await moment(life === 6 ? 0 : random() * 100);
    await platform.kill("SIGKILL");
    t.diagnostic(
      `life ${life}: from call ${from} and ${before} predictions to call ${await sending} and over ${goal | 0}`,
    );
  }

  const last = await startPlatform(t, data, environment);
  const from = await resume(last.url, flights);
  assert.equal(await send(last.url, flights, from, answers), flights.calls.length);
  const found = await settled(last, flights);

  for (const table of Object.keys(tables) as (keyof Tables)[]) {
    t.diagnostic(`${table}: ${expected[table].length} rows undisturbed, ${found[table].length} after the kills`);
    assert.equal(found[table].length, expected[table].length, table);
    for (const [row, text] of found[table].entries()) assert.equal(text, expected[table][row], `${table}, row ${row}`);
  }
  const [{ n, ids }] = await last.sql<{ n: string; ids: string }>(
    "SELECT count() AS n, uniqExact(id) AS ids FROM predictions",
  );
  assert.equal(n, ids, "every row is inserted once, without a merge to take copies away");
  assert.equal((await last.kill("SIGTERM")).code, 0, last.output());

  const proof = await millrace(["verify", "--data", data]);
  assert.equal(proof.code, 0, proof.output);
  assert.match(proof.output, /flights: 1000 predictions checked, 0 values differ/);
});
