import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Broker } from "../../infra/broker/port.ts";
import { sqliteBroker } from "../../infra/broker/sqlite.ts";
import { systemClock } from "../../infra/clock.ts";
import type { EventStore, Position } from "../../infra/event-store/port.ts";
import { sqliteEventStore } from "../../infra/event-store/sqlite.ts";
import { embeddedSchemaRegistry } from "../../infra/schema-registry/embedded.ts";
import { runSinks } from "../../projections/clickhouse/runner.ts";
import { runs as runFold } from "../../projections/documents/runs.ts";
import type { RunDocument } from "../../projections/documents/types.ts";
import {
  comparator,
  type MetricPoint,
  matcher,
  parseFilter,
  parseOrder,
  runRunFields,
  type TrackingStore,
  trackingStore,
} from "../../projections/tracking/index.ts";
import { runValues } from "../../projections/tracking/run-values.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import type { RunEvent } from "../../schemas/lifecycle/run.ts";
import { topicOf } from "../../schemas/topics.ts";
import { type Fixture, openFixture } from "./clickhouse-fixture.ts";
import { record } from "./stores.ts";

const project = "default";
const runId = (i: number): string => (i * 2654435761).toString(16).padStart(32, "0").split("").reverse().join("");
const at = (key: string, value: number, timestamp = 0, step = 0): MetricPoint => ({ key, value, timestamp, step });

const refusal = async (act: Promise<unknown>): Promise<string> => {
  const error: unknown = await act.then(
    () => assert.fail("was accepted"),
    (refused) => refused,
  );
  assert.ok(isMillraceError(error), String(error));
  assert.equal(error.code, "BAD_REQUEST");
  return error.message;
};

describe("the tracking store", () => {
  let folder: string;
  let fixture: Fixture;
  let broker: Broker;
  let eventStore: EventStore;
  let store: TrackingStore;
  const documents = new Map<string, RunDocument>();
  let stop = new AbortController();
  let running: Promise<unknown> = Promise.resolve();

  const startSinks = async (): Promise<void> => {
    await stopSinks();
    stop = new AbortController();
    const { signal } = stop;
    const { warehouse } = fixture;
    const topics = () => [{ kind: "metrics" as const, project, topic: topicOf.metrics(project) }];
    const failed = (error: unknown): void => assert.fail(String(error));
    running = Promise.all([
      runSinks({ broker, warehouse, topics, signal, clock: systemClock, flushMs: 50, onError: (_, e) => failed(e) }),
      runRunFields({ eventStore, warehouse, signal, lingerMs: 20, onRetry: failed }),
    ]);
  };
  const stopSinks = async (): Promise<void> => {
    stop.abort();
    await running;
  };
  const happen = async (run: string, ...events: RunEvent[]): Promise<Position> => {
    let position: Position = "0";
    for (const event of events) position = await record(eventStore, { aggregate: "run", project, id: run, event });
    let document: RunDocument | null = null;
    for await (const event of eventStore.readStream(`run-${project}/${run}`))
      document = runFold.project(document, event);
    documents.set(run, document as RunDocument);
    return position;
  };
  const created = (i: number, experiment = "1", tags: Record<string, string> = {}): RunEvent => ({
    type: "RunCreated",
    data: { experiment, name: `run-${i}`, user: `user-${i % 3}`, startTime: 1_000 + i, tags },
  });
  const reached = async (): Promise<void> => {
    const marks = await broker.watermarks(topicOf.metrics(project));
    for (const table of ["metrics", "run_metrics", "latest_metrics"]) {
      for (const [partition, { high }] of marks.entries()) {
        const query = `SELECT toInt64(max(_offset)) + 1 AS next FROM ${table} WHERE _partition = ${partition} AND run = toUUID('${"0".repeat(32)}')`;
        while (high > 0 && (await fixture.rows<{ next: number }>(query))[0].next < high) {}
      }
    }
  };

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "millrace-tracking-"));
    fixture = await openFixture();
    broker = sqliteBroker(join(folder, "broker.db"));
    eventStore = sqliteEventStore(join(folder, "events.db"));
    const registry = embeddedSchemaRegistry(eventStore);
    store = trackingStore({
      ...{ broker, eventStore, registry, warehouse: fixture.warehouse, searchWaitMs: 20_000 },
      runs: async (_, ids) => ids.flatMap((id) => documents.get(id) ?? []),
    });
  });
  after(async () => {
    await stopSinks();
    await broker.close();
    await eventStore.close();
    await fixture.close();
    rmSync(folder, { recursive: true, force: true });
  });

  describe("shows a point as soon as it was logged", () => {
    const run = runId(1);
    const of = { run, experiment: "1" };
    const everyValue = [Number.NEGATIVE_INFINITY, -1.5, 0, 0.1 + 0.2, Number.POSITIVE_INFINITY, Number.NaN];
    const read = async () => ({
      latest: (await store.latestMetrics(project, [run, runId(2)])).get(run),
      history: (await store.metricHistory(project, run, "odd", { first: 100 })).points.map(({ value }) => value),
    });
    const wanted = {
      latest: [at("auc", 0.8, 20, 9), at("nan", Number.NaN, 5, 0), at("odd", Number.POSITIVE_INFINITY, 7, 3)],
      history: everyValue,
    };

    test("with no table written at all", async () => {
      assert.deepEqual(await store.latestMetrics(project, [run]), new Map());
      await store.logMetrics(project, of, [at("auc", 0.7, 10, 2), at("auc", 0.9, 20, 1), at("auc", 0.8, 20, 9)]);
      await store.logMetrics(project, of, [at("nan", Number.NaN, 5)]);
      await store.logMetrics(
        project,
        of,
        everyValue.map((value) => at("odd", value, 7, 3)),
      );
      await store.logMetrics(project, { run: runId(2), experiment: "1" }, [at("auc", 0.1, 99)]);
      assert.deepEqual(await read(), wanted);
    });

    test("with all of it in the tables, and some behind", async () => {
      await startSinks();
      await reached();
      assert.deepEqual(await read(), wanted);
      await stopSinks();
      await store.logMetrics(project, of, [at("auc", 0.95, 99, 0), at("auc", 0.99, 19, 100)]);
      assert.deepEqual((await read()).latest?.[0], at("auc", 0.99, 19, 100));
    });

    test("and a batch that is sent again changes nothing", async () => {
      const batch = Array.from({ length: 1000 }, (_, i) => at("loss", 1 / (i + 1), i, i));
      for (let i = 0; i < 3; i++) await store.logMetrics(project, of, batch);
      await startSinks();
      await reached();
      const history = await store.metricHistory(project, run, "loss", { first: 5000 });
      assert.deepEqual(history.points, batch);
      await fixture.warehouse.client.command({ query: "OPTIMIZE TABLE metrics FINAL" });
      const key = "SELECT count() AS rows FROM metrics WHERE key = 'loss'";
      assert.deepEqual(await fixture.rows(key), [{ rows: 1000 }]);
      await stopSinks();
    });

    test("and a history is read in pages, out of the tables and of the log", async () => {
      await store.logMetrics(project, of, [at("odd", 4, 7, 3), at("odd", 5, 8, 0), at("odd", -5, 6, 9)]);
      const seen: number[] = [];
      for (let after: string | undefined, pages = 0; pages < 10; pages++) {
        const page = await store.metricHistory(project, run, "odd", { first: 2, after });
        seen.push(...page.points.map(({ value }) => value));
        if (page.next === null) break;
        after = page.next;
      }
      const [low, minus, zero, third, high, nan] = everyValue;
      assert.deepEqual(seen, [-5, low, minus, zero, third, 4, high, nan, 5]);
      assert.match(await refusal(store.metricHistory(project, run, "odd", { first: 2, after: "x" })), /page_token/);
    });
  });

  test("shows what runs have measured of a logged model", async () => {
    const dataset = { name: "flights", digest: "d1" };
    const of = (run: number) => ({ run: runId(run), experiment: "1" });
    const model = "m-1";
    await store.logMetrics(project, of(3), [{ ...at("auc", 0.5, 1), model }, at("auc", 0.1, 9)]);
    await store.logMetrics(project, of(3), [{ ...at("auc", Number.NaN, 2), model, dataset }]);
    const measured = (point: MetricPoint, run: number) => ({ ...point, model, run: runId(run), dataset: null });
    const read = async () => (await store.modelMetrics(project, [model, "m-2"])).get(model);
    const first = [measured(at("auc", 0.5, 1), 3), { ...measured(at("auc", Number.NaN, 2), 3), dataset }];
    assert.deepEqual(await read(), first);
    await startSinks();
    await reached();
    assert.deepEqual(new Set(await read()), new Set(first));
    await stopSinks();
    await store.logMetrics(project, of(4), [{ ...at("auc", 0.7, 1), model }]);
    await store.logMetrics(project, of(3), [{ ...at("auc", 0.6, 1), model }]);
    const last = [...first, measured(at("auc", 0.6, 1), 3), measured(at("auc", 0.7, 1), 4)];
    assert.deepEqual(new Set(await read()), new Set(last));
    assert.deepEqual(await store.modelMetrics(project, [model], ["rmse"]), new Map());
  });

  test("refuses what MLflow refuses, naming the point", async () => {
    const log = (...points: MetricPoint[]) => store.logMetrics(project, { run: runId(1), experiment: "1" }, points);
    const many = Array.from({ length: 1001 }, (_, i) => at("a", i));
    assert.match(await refusal(log(...many)), /metrics: 1001 in a batch; at most 1000/);
    assert.match(await refusal(log(at("a", 1), at("b".repeat(251), 1))), /metrics\[1\]\.key: of 251 characters/);
    for (const key of ["", "a$b", "../a", "/a", "a//b", "."])
      assert.match(await refusal(log(at(key, 1))), /metrics\[0\]\.key/);
    assert.match(await refusal(log(at("a", 1, -1))), /metrics\[0\]\.timestamp/);
    assert.match(await refusal(log(at("a", 1, 1, 0.5))), /metrics\[0\]\.step/);
    assert.match(await refusal(store.logMetrics(project, { run: "x", experiment: "1" }, [at("a", 1)])), /run_id/);
    await log(at("train/loss: a-b_c.d", 1));
  });

  describe("searches", () => {
    const count = 120;
    const ids = Array.from({ length: count }, (_, i) => runId(i + 100));
    const metrics = new Map<string, MetricPoint[]>();
    const pick = (i: number, of: number, salt: number): number => Math.floor(((((i + 1) * salt) % 1009) / 1009) * of);

    before(async () => {
      await startSinks();
      for (const [i, run] of ids.entries()) {
        const experiment = i % 4 === 0 ? "2" : "1";
        const tags: Record<string, string> = i % 2 === 0 ? { team: `t${pick(i, 3, 31)}`, note: `50%_off\\${i}` } : {};
        await happen(run, created(pick(i, 40, 17), experiment, tags));
        if (i % 3 > 0)
          await happen(run, { type: "RunParamsLogged", data: { params: { depth: String(pick(i, 8, 7)) } } });
        if (i % 5 === 0)
          await happen(run, { type: "RunUpdated", data: { status: "FINISHED", endTime: 5_000 + pick(i, 9, 3) } });
        if (i % 10 === 0) await happen(run, { type: "RunUpdated", data: { status: "RUNNING", endTime: null } });
        if (i % 12 === 0) await happen(run, { type: "RunTagDeleted", data: { key: "team" } });
        if (i % 7 === 0) await happen(run, { type: "RunDeleted", data: {} });
        if (i % 21 === 0) await happen(run, { type: "RunRestored", data: {} });
        if (i % 9 === 0) {
          const dataset = { digest: `d${i % 2}`, sourceType: "local", source: "x", schema: null, profile: null };
          const context = { "mlflow.data.context": "train" };
          const datasets = ["flights", "weather"].map((name) => ({ ...dataset, name, tags: context }));
          await happen(run, { type: "RunInputsLogged", data: { datasets, models: [] } });
        }
        const value = i % 11 === 0 ? Number.NaN : i % 13 === 0 ? Number.POSITIVE_INFINITY : pick(i, 10, 13) / 10;
        const points =
          i % 4 === 3 ? [] : [at("auc", 1 - value, 5, 1), at("auc", value, 10, 2), at("loss", pick(i, 100, 5), 10)];
        await store.logMetrics(project, { run, experiment }, points);
        metrics.set(
          run,
          points.filter(({ timestamp }) => timestamp === 10),
        );
      }
    });

    /** What the language says, by looking at every run. */
    const expected = (filter: string, orderBy: string[], experiments: string[], view: string): string[] => {
      const matches = matcher(parseFilter("runs", filter));
      const compare = comparator(parseOrder("runs", orderBy));
      return ids
        .flatMap((run) => documents.get(run) ?? [])
        .map((run) => ({ run, values: runValues(run, metrics.get(run.id) ?? []) }))
        .filter(
          ({ run, values }) =>
            experiments.includes(run.experiment) && matches(values) && (view === "all" || run.lifecycle === view),
        )
        .sort(
          (a, b) => compare(a.values, b.values) || b.run.startTime - a.run.startTime || (a.run.id < b.run.id ? -1 : 1),
        )
        .map(({ run }) => run.id);
    };
    const found = async (search: Parameters<TrackingStore["searchRuns"]>[1]): Promise<string[]> => {
      const seen: string[] = [];
      let after: string | undefined;
      do {
        const page = await store.searchRuns(project, { ...search, after });
        assert.ok(page.runs.length <= search.first);
        for (const { run, metrics: own } of page.runs) {
          assert.deepEqual(own, metrics.get(run.id));
          seen.push(run.id);
        }
        after = page.next ?? undefined;
      } while (after !== undefined);
      return seen;
    };

    const filters = [
      "",
      "metrics.auc > 0.4 and params.depth = '6'",
      "metrics.auc != 0.5",
      "metrics.auc >= 0.2 and metrics.auc < 0.9 and metrics.loss > 30",
      "tags.team LIKE 't%' and status = 'RUNNING'",
      "tags.note LIKE '50%\\\\1_' and params.depth IS NOT NULL",
      "tags.note ILIKE '%OFF%'",
      "tags.team IS NULL",
      "params.depth IS NULL and attributes.status IN ('FINISHED')",
      "status NOT IN ('FINISHED') and run_name LIKE 'run-1%'",
      "datasets.name = 'weather' and datasets.digest = 'd1' and datasets.context = 'train'",
      "end_time > 5002",
      "artifact_uri LIKE 'mlflow-artifacts:/2/%'",
      `run_id IN ('${ids[1]}', '${ids[2]}', 'nobody')`,
      "start_time >= 1010 and user_id = 'user-1'",
      "params.gone = 'x'",
      "tags.team != '\\'; DROP TABLE metrics; --'".replace("\\'", "''"),
    ];
    const orders = [
      [],
      ["metrics.auc DESC"],
      ["metrics.auc"],
      ["params.depth DESC"],
      ["params.depth", "metrics.auc DESC"],
      ["metrics.auc", "tags.team DESC", "metrics.loss"],
      ["status", "end_time DESC"],
      ["tags.team DESC", "tags.note"],
      ["status", "metrics.auc DESC", "params.depth"],
      ["end_time"],
      ["start_time ASC"],
      ["run_id DESC"],
      ["artifact_uri"],
    ];
    for (const filter of filters) {
      test(`as if every run were looked at: ${filter || "no filter"}`, async () => {
        for (const [i, orderBy] of orders.entries()) {
          const view = (["active", "deleted", "all"] as const)[(i + filter.length) % 3];
          const experiments = i % 2 === 0 ? ["1", "2"] : ["1"];
          const first = [15, 1000, 50][i % 3];
          const wanted = expected(filter, orderBy, experiments, view);
          assert.deepEqual(await found({ experiments, filter, orderBy, view, first }), wanted, `${orderBy} ${view}`);
        }
      });
    }

    test("and sees what was written right before", async () => {
      const run = runId(999);
      const search = {
        experiments: ["9"],
        filter: "metrics.auc = 0.25 and tags.now = 'yes'",
        view: "active",
        first: 5,
      } as const;
      await happen(run, created(1, "9"));
      await store.logMetrics(project, { run, experiment: "9" }, [at("auc", 0.25, 1)]);
      await happen(run, { type: "RunTagsSet", data: { tags: { now: "yes" } } });
      assert.deepEqual(
        (await store.searchRuns(project, search)).runs.map(({ run }) => run.id),
        [run],
      );
      await happen(run, { type: "RunTagsSet", data: { tags: { now: "no" } } });
      assert.deepEqual((await store.searchRuns(project, search)).runs, []);
    });

    test("and refuses what it cannot do", async () => {
      const search = { experiments: ["1"], view: "active", first: 5 } as const;
      assert.match(await refusal(store.searchRuns(project, { ...search, filter: "metrics.auc >" })), /at character 14/);
      assert.match(await refusal(store.searchRuns(project, { ...search, first: 0 })), /max_results/);
      assert.match(await refusal(store.searchRuns(project, { ...search, after: "e30" })), /page_token/);
      const { next } = await store.searchRuns(project, { ...search, orderBy: ["metrics.auc"] });
      assert.match(await refusal(store.searchRuns(project, { ...search, after: next ?? "" })), /page_token/);
    });
  });
});
