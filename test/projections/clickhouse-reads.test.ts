import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { endpointViewName, ensureEndpointView } from "../../projections/clickhouse/endpoint-view.ts";
import { warehouseReads } from "../../projections/clickhouse/read/index.ts";
import { predictionPlaces } from "../../projections/clickhouse/read/predictions.ts";
import { ensureTables } from "../../projections/clickhouse/tables.ts";
import { type Fixture, openFixture, outcomeAt, predictionAt } from "./clickhouse-fixture.ts";

const project = "flights";
const start = predictionAt(0, 0).eventTime;
/** Small times in tests count from here: ClickHouse takes seconds of ten digits only for a time. */
const epoch = 1_000_000_000_000;
const seconds = (at: number): string => ((at < epoch ? epoch + at : at) / 1000).toFixed(3);

/** A row as the table has it: names in snake case, times in seconds. */
const rowOf = (record: Record<string, unknown>, offset: number): Record<string, unknown> => {
  const times = new Set(["eventTime", "servedAt", "predictedAt", "outcomeAt"]);
  const row: Record<string, unknown> = { project, _topic: "t", _partition: record.partition, _offset: offset };
  for (const [name, value] of Object.entries(record)) {
    const column = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    // JSON has no NaN; ClickHouse reads the word.
    const plain = name === "features" ? (value as number[]).map((one) => (Number.isNaN(one) ? "nan" : one)) : value;
    row[column] = times.has(name) ? seconds(value as number) : plain;
  }
  return row;
};

const allPages = async <T>(
  read: (after: string | undefined) => Promise<{ items: { cursor: string; node: T }[]; hasNext: boolean }>,
): Promise<T[]> => {
  const nodes: T[] = [];
  for (let after: string | undefined; ; ) {
    const page = await read(after);
    nodes.push(...page.items.map((item) => item.node));
    if (!page.hasNext) return nodes;
    after = page.items[page.items.length - 1].cursor;
  }
};

describe("warehouse reads", () => {
  let fixture: Fixture;
  let reads: ReturnType<typeof warehouseReads>;
  const insert = (table: string, values: Record<string, unknown>[]): Promise<unknown> =>
    fixture.warehouse.client.insert({ table, values, format: "JSONEachRow" });

  before(async () => {
    fixture = await openFixture();
    reads = warehouseReads(fixture.warehouse);
    const partitions = [0, 1];
    await insert(
      "predictions",
      partitions.flatMap((p) => Array.from({ length: 100 }, (_, i) => rowOf(predictionAt(p, i), i))),
    );
    // Half of the predictions meet their outcome; a high output is mostly right.
    await insert(
      "outcomes",
      Array.from({ length: 100 }, (_, i) => rowOf(outcomeAt(0, i, i > 50 === (i % 9 !== 0) ? 1 : 0), i)),
    );
  });
  after(() => fixture.close());

  it("prepares the tables again without harm", async () => {
    await ensureTables(fixture.warehouse);
    assert.deepEqual(await fixture.rows("SELECT count() AS n FROM predictions"), [{ n: 200 }]);
  });

  it("reads the parts of ids, whatever the names hold", () => {
    assert.deepEqual(predictionPlaces("delay-0-12"), [{ endpoint: "delay", partition: 0, offset: 12 }]);
    assert.deepEqual(predictionPlaces("a-1-b-3-12"), [{ endpoint: "a-1-b", partition: 3, offset: 12 }]);
    assert.deepEqual(predictionPlaces("v-2026-3-12"), [{ endpoint: "v-2026", partition: 3, offset: 12 }]);
    assert.deepEqual(predictionPlaces("delay-0-12-my-model.3"), [{ endpoint: "delay", partition: 0, offset: 12 }]);
    // A shadow of the endpoint v-2026, or of v in partition 2026 by a model named 12-late.
    assert.deepEqual(predictionPlaces("v-2026-3-12-late.1"), [
      { endpoint: "v", partition: 2026, offset: 3 },
      { endpoint: "v-2026", partition: 3, offset: 12 },
    ]);
    for (const none of ["delay-0", "' OR 1", "", "-0-1", "a-1-2-", "a-1-2-late"]) {
      assert.deepEqual(predictionPlaces(none), [], none);
    }
  });

  it("finds a prediction by id, with its outcome where that is known", async () => {
    const { features, ...rest } = predictionAt(0, 10);
    const found = await reads.predictionById(project, "delay-0-10");
    assert.deepEqual(found, { project, ...rest, features, outcome: 0, outcomeAt: rest.eventTime + 5000 });
    const open = await reads.predictionById(project, "delay-1-11");
    assert.deepEqual([open?.outcome, open?.outcomeAt, open?.features], [null, null, predictionAt(1, 11).features]);
    const { outcome, outcomeAt } = found as NonNullable<typeof found>;
    const place = { endpoint: "delay", partition: 0, predictionOffset: 10 };
    assert.deepEqual(await reads.outcomeOf(project, place), { outcome, outcomeAt });
    assert.equal(await reads.outcomeOf(project, { ...place, partition: 1 }), null);
    assert.equal(await reads.predictionById("another", "delay-0-10"), null);
    assert.equal(await reads.predictionById(project, "delay-0-100"), null);
    assert.equal(await reads.predictionById(project, "nonsense"), null);
  });

  it("lists predictions by event time in pages, both ways, filtered", async () => {
    const ids = (filter: object, first: number): Promise<string[]> =>
      allPages((after) => reads.predictions(project, { endpoint: "delay", first, after, ...filter })).then((rows) =>
        rows.map((row) => row.id),
      );
    const all = await ids({}, 33);
    assert.deepEqual(
      all,
      Array.from({ length: 200 }, (_, i) => `delay-${i % 2}-${i >> 1}`),
    );
    assert.deepEqual(await ids({ reverse: true }, 64), all.toReversed());
    assert.deepEqual(await ids({ from: start + 10_000, to: start + 12_000 }, 10), all.slice(20, 24));
    assert.deepEqual(await ids({ key: "kéy-1-5" }, 10), ["delay-1-5"]);
    assert.equal((await ids({ entity: "entity 3", version: 1, model: "late" }, 50)).length, 24);
    assert.equal((await ids({ variant: "challenger" }, 7)).length, 20);
    const injected = await ids({ entity: "' OR 1 = 1 --" }, 10);
    assert.deepEqual(injected, []);
    await assert.rejects(reads.predictions(project, { endpoint: "delay", first: 1, after: "bm8" }), {
      code: "BAD_REQUEST",
    });
  });

  it("sums up what was served by version and bucket", async () => {
    const statistics = await reads.predictionStatistics(project, { endpoint: "delay", bucketMs: 50_000 });
    assert.equal(statistics.length, 4);
    const [first] = statistics;
    assert.deepEqual(
      [first.model, first.version, first.variant, first.bucket, first.predictions, first.outcomes],
      ["late", 1, "champion", start, 90, 45],
    );
    assert.equal(
      statistics.reduce((sum, row) => sum + row.predictions, 0),
      200,
    );
    assert.equal(
      statistics.reduce((sum, row) => sum + row.outcomes, 0),
      100,
    );
  });

  it("measures how right it was, exactly", async () => {
    const rows = Array.from({ length: 100 }, (_, i) => outcomeAt(0, i, i > 50 === (i % 9 !== 0) ? 1 : 0)).filter(
      ({ version }) => version === 1,
    );
    const [metrics] = await reads.liveMetrics(project, { endpoint: "delay" });
    const positives = rows.filter((row) => row.outcome === 1);
    const negatives = rows.filter((row) => row.outcome === 0);
    const claims = rows.filter((row) => row.output >= 0.5);
    const tp = claims.filter((row) => row.outcome === 1).length;
    let wins = 0;
    for (const p of positives)
      for (const n of negatives) wins += p.output > n.output ? 1 : p.output === n.output ? 0.5 : 0;
    const mean = (of: (row: (typeof rows)[number]) => number): number =>
      rows.reduce((sum, row) => sum + of(row), 0) / rows.length;
    const clipped = (output: number): number => Math.min(Math.max(output, 1e-15), 1 - 1e-15);
    const expected = {
      count: rows.length,
      positives: positives.length,
      accuracy: mean((row) => (row.output >= 0.5 === (row.outcome === 1) ? 1 : 0)),
      precision: tp / claims.length,
      recall: tp / positives.length,
      f1: (2 * tp) / (claims.length + positives.length),
      auc: wins / (positives.length * negatives.length),
      logLoss: mean((row) => -Math.log(row.outcome === 1 ? clipped(row.output) : 1 - clipped(row.output))),
      brier: mean((row) => (row.output - row.outcome) ** 2),
      rmse: Math.sqrt(mean((row) => (row.output - row.outcome) ** 2)),
      mae: mean((row) => Math.abs(row.output - row.outcome)),
    };
    assert.equal(metrics.bucket, null);
    for (const [name, value] of Object.entries(expected)) {
      const actual = metrics[name as keyof typeof expected];
      assert.ok(Math.abs((actual ?? Number.NaN) - value) < 1e-12, `${name}: ${actual} is not ${value}`);
    }
    const buckets = await reads.liveMetrics(project, {
      endpoint: "delay",
      bucketMs: 10_000,
      from: start,
      to: start + 20_000,
    });
    assert.deepEqual(
      buckets.map(({ bucket, version, count, auc }) => [bucket, version, count, auc === null]),
      [
        [start, 1, 9, false],
        [start, 2, 1, true],
        [start + 10_000, 1, 9, false],
        [start + 10_000, 2, 1, true],
      ],
    );
  });

  it("lists drift, newest value of a window only", async () => {
    const found = (value: number, to: number, offset: number) => ({
      project,
      monitor: "m",
      endpoint: "delay",
      model: "late",
      version: 1,
      column: "hour",
      statistic: "psi",
      value,
      threshold: 0.2,
      drifted: value > 0.2,
      window_from: seconds(to - 1000),
      window_to: seconds(to),
      rows: 7,
      _topic: "d",
      _partition: 0,
      _offset: offset,
    });
    await insert("drift", [found(0.1, 5000, 0), found(0.2, 6000, 1)]);
    await insert("drift", [found(0.3, 6000, 2), found(0.05, 7000, 3)]);
    const all = await allPages((after) => reads.driftResults(project, { first: 1, after, monitor: "m" }));
    assert.deepEqual(
      all.map(({ to, value, drifted }) => [to, value, drifted]),
      [
        [epoch + 5000, 0.1, false],
        [epoch + 6000, 0.3, true],
        [epoch + 7000, 0.05, false],
      ],
    );
    const drifted = await reads.driftResults(project, {
      first: 5,
      drifted: true,
      endpoint: "delay",
      column: "hour",
      from: 1,
    });
    assert.deepEqual(
      drifted.items.map((item) => item.node.from),
      [epoch + 5000],
    );
  });

  it("reads tiles, feature histories, the audit and dead letters", async () => {
    const origin = { _topic: "t", _partition: 1 };
    const tile = { project, kind: "drift", endpoint: "delay", model: "late", version: 1, partition: 1, rows: 1 };
    const shape = { columns: ["a"], bins: [2], values: [1, 2], ...origin };
    await insert("tiles", [
      { ...tile, tile_from: seconds(0), tile_to: seconds(3_600_000), watermark: seconds(5000), ...shape, _offset: 1 },
    ]);
    await insert("tiles", [
      { ...tile, tile_from: seconds(0), tile_to: seconds(3_600_000), watermark: seconds(6000), ...shape, _offset: 2 },
    ]);
    const [newest, ...none] = await reads.tiles(project, {
      kind: "drift",
      endpoint: "delay",
      from: epoch,
      to: epoch + 1,
    });
    assert.deepEqual(
      [newest.watermark, newest.to, newest.values, none.length],
      [epoch + 6000, epoch + 3_600_000, [1, 2], 0],
    );

    const values = [1, 2, 3].map((value, i) => ({
      ...{ project, application: "a", view: "v", version: 1, entity: "JFK", at: seconds(value * 1000) },
      ...{ values: [value, null], ...origin, _offset: i },
    }));
    await fixture.warehouse.client.insert({
      table: "feature_values",
      values: values.map((row) => ({ ...row, values: [row.values[0], "nan"] })),
      format: "JSONEachRow",
    });
    const history = await allPages((after) =>
      reads.featureHistory(project, "v", "JFK", { first: 2, after, reverse: true }),
    );
    assert.deepEqual(
      history.map((row) => [row.at, row.values]),
      [3, 2, 1].map((value) => [epoch + value * 1000, [value, Number.NaN]]),
    );

    const event = (position: string, type: string) => ({
      ...{ project, position, stream: "model-flights/late", revision: 1, type, actor: "ada", at: seconds(1000) },
      ...{ correlation: "c", causation: "d", data: "{}", reason: "why" },
    });
    await insert("audit", [event("9007199254740993", "B"), event("10", "A")]);
    const log = await allPages((after) => reads.audit(project, { first: 1, after, actor: "ada" }));
    assert.deepEqual(
      log.map((row) => [row.position, row.type, row.at]),
      [
        ["10", "A", epoch + 1000],
        ["9007199254740993", "B", epoch + 1000],
      ],
    );

    const letter = { project, stage: "decode", code: "X", message: "m", topic: "departures", partition: 0, offset: 4 };
    await insert("dead_letters", [
      {
        ...letter,
        schema_id: null,
        key: null,
        value: "\u0001z",
        timestamp: seconds(1000),
        failed_at: seconds(2000),
        ...origin,
        _offset: 0,
      },
    ]);
    const letters = await reads.deadLetters(project, { first: 5, stage: "decode", topic: "departures" });
    const { key, value, failedAt, letterPartition } = letters.items[0].node;
    assert.deepEqual(
      [key, value, failedAt, letterPartition],
      [null, Buffer.from("\u0001z").toString("base64"), epoch + 2000, 1],
    );
  });

  it("gives documents as of a moment", async () => {
    const version = (id: string, position: number, at: number, more: object = {}) => ({
      ...{ collection: "models", project, id, position, at: seconds(at) },
      ...{ doc: JSON.stringify({ id, position, createdAt: 100 - position, updatedAt: at, ...more }), deleted: 0 },
    });
    await insert("documents", [version("a", 1, 1000), version("b", 2, 2000), version("a", 10, 3000)]);
    await insert("documents", [{ ...version("b", 11, 4000), deleted: 1 }]);
    const { documentsAsOf: past } = reads;
    const position = async (id: string, at: number): Promise<unknown> =>
      ((await past.get("models", project, id, epoch + at)) as { position: number } | null)?.position ?? null;
    assert.deepEqual(
      await Promise.all([position("a", 999), position("a", 1000), position("a", 2999), position("a", 3000)]),
      [null, 1, 1, 10],
    );
    assert.deepEqual(await Promise.all([position("b", 3999), position("b", 4000)]), [2, null]);
    const list = (options: {
      at: number;
      order?: "name" | "created" | "updated";
      reverse?: boolean;
    }): Promise<unknown[]> =>
      allPages((after) => past.list("models", project, { first: 1, after, ...options, at: epoch + options.at })).then(
        (nodes) => nodes.map((node) => `${(node as { id: string }).id}@${(node as { position: number }).position}`),
      );
    assert.deepEqual(await list({ at: 2500 }), ["a@1", "b@2"]);
    assert.deepEqual(await list({ at: 3500, reverse: true }), ["b@2", "a@10"]);
    assert.deepEqual(await list({ at: 3500, order: "updated" }), ["b@2", "a@10"]);
    assert.deepEqual(await list({ at: 2500, order: "created" }), ["b@2", "a@1"]);
    assert.deepEqual(await list({ at: 9000 }), ["a@10"]);
  });

  it("names versions and projects in lists of the past as the live lists do", async () => {
    const document = (collection: string, home: string, id: string, more: object) => ({
      ...{
        collection,
        project: home,
        id,
        position: 1,
        at: seconds(1000),
        deleted: 0,
        doc: JSON.stringify({ id, ...more }),
      },
    });
    await insert("documents", [
      document("modelVersions", project, "m/10", { model: "m", version: 10 }),
      document("modelVersions", project, "m/9", { model: "m", version: 9 }),
      document("projects", "*", "p1", { name: "zebra" }),
      document("projects", "*", "p2", { name: "ant" }),
      document("experiments", project, "1", { name: "zebra" }),
      document("experiments", project, "2", { name: "ant" }),
      document("runs", project, "a", { experiment: "1" }),
      document("runs", project, "b", { experiment: "2" }),
    ]);
    const ids = async (collection: string, home: string, experiment?: string): Promise<string[]> =>
      (await reads.documentsAsOf.list(collection, home, { at: epoch + 2000, first: 10, experiment })).items.map(
        ({ node }) => (node as { id: string }).id,
      );
    assert.deepEqual(await ids("modelVersions", project), ["m/9", "m/10"]);
    assert.deepEqual(await ids("projects", "*"), ["p2", "p1"]);
    assert.deepEqual(await ids("experiments", project), ["2", "1"]);
    assert.deepEqual(await ids("runs", project), ["a", "b"]);
    assert.deepEqual(await ids("runs", project, "2"), ["b"]);
  });

  it("has a view of an endpoint with a column a feature", async () => {
    const columns = [
      { name: "hour", from: "event.hour" },
      { name: "key", from: "event.key" },
    ];
    const deployment = { project, endpoint: "delay", columns };
    await ensureEndpointView(fixture.warehouse, deployment);
    await ensureEndpointView(fixture.warehouse, deployment);
    const name = endpointViewName(project, "delay");
    assert.equal(name, "predictions_flights_delay");
    assert.deepEqual(
      await fixture.rows(
        `SELECT id, round(hour, 3) AS hour, feature_key, outcome FROM ${name} WHERE id LIKE '%-11' ORDER BY id`,
      ),
      [
        { id: "delay-0-11", hour: 3.667, feature_key: 11, outcome: 0 },
        { id: "delay-1-11", hour: 3.667, feature_key: 11, outcome: null },
      ],
    );
  });
});
