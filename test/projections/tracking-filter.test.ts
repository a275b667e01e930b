import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  comparator,
  matcher,
  parseFilter,
  parseOrder,
  type SearchKind,
  type Values,
} from "../../projections/tracking/index.ts";
import { isMillraceError } from "../../schemas/errors.ts";

const refusal = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    assert.ok(isMillraceError(error));
    assert.equal(error.code, "BAD_REQUEST");
    return error.message;
  }
  return assert.fail("was accepted");
};

const valuesOf =
  (fields: Record<string, string | number | readonly string[]>): Values =>
  ({ entity, key }) => {
    const value = fields[`${entity}.${key}`];
    return value === undefined ? [] : Array.isArray(value) ? value : [value as string | number];
  };

const run = valuesOf({
  "attribute.status": "FINISHED",
  "attribute.run_name": "Sweep-7 (café)",
  "attribute.start_time": 1000,
  "metric.auc": 0.8,
  "metric.loss": Number.NaN,
  "metric.top": Number.POSITIVE_INFINITY,
  "param.depth": "6",
  "param.a b": "it's",
  "tag.mlflow.source.name": "C:\\train_1.py",
  "dataset.name": ["flights", "weather"],
});

const holds = (filter: string, kind: SearchKind = "runs", values = run): boolean =>
  matcher(parseFilter(kind, filter))(values);

describe("the filter language", () => {
  test("is a conjunction of comparisons with their types", () => {
    assert.deepEqual(
      parseFilter("runs", "metrics.auc > 0.7 and params.depth = '6' AND status IN ('FINISHED', \"KILLED\")"),
      [
        { entity: "metric", key: "auc", type: "number", operator: ">", value: 0.7 },
        { entity: "param", key: "depth", type: "text", operator: "=", value: "6" },
        { entity: "attribute", key: "status", type: "list", operator: "IN", values: ["FINISHED", "KILLED"] },
      ],
    );
    assert.deepEqual(parseFilter("runs", undefined), []);
    assert.deepEqual(parseFilter("runs", "  "), []);
  });

  for (const filter of [
    "metrics.auc > 0.7 and params.depth = '6'",
    "metric.auc >= .8 AND metric.auc <= 8e-1 AND metric.auc < +1 and metrics.auc != -1",
    "metrics.top > 1e308",
    "parameters.`a b` = 'it''s'",
    'params."a b" = "it\'s"',
    "tags.mlflow.source.name LIKE '%train_1.py'",
    "tag.`mlflow.source.name` LIKE 'C:\\%'",
    "run_name ILIKE 'SWEEP-7 (CAFÉ)'",
    "attributes.`Run name` like 'Sweep%'",
    "attr.status not in ('FAILED', 'KILLED')",
    "created = 1000",
    "params.gone IS NULL and params.depth is not null",
    "datasets.name = 'weather' and dataset.name = 'flights'",
    "metrics.loss != 0",
  ]) {
    test(`holds: ${filter}`, () => assert.equal(holds(filter), true));
  }

  for (const filter of [
    "params.depth != '6'",
    "params.gone != '6'",
    "tags.gone LIKE '%'",
    "metrics.loss >= 0",
    "metrics.gone < 1",
    "run_name LIKE 'sweep%'",
    "run_name LIKE 'Sweep'",
    "tags.mlflow.source.name LIKE 'C:/%'",
    "params.depth IS NULL",
    "status IN ('finished')",
  ]) {
    test(`does not hold: ${filter}`, () => assert.equal(holds(filter), false));
  }

  for (const [filter, message] of [
    ["metrics.auc >", "expected a number, not the end at character 14"],
    ["metrics.auc > 'x'", 'expected a number, not "x" at character 15'],
    ["metrics.auc LIKE 'x'", 'metrics cannot be compared by "LIKE" here, but by =, !=, >, >=, <, <= at character 13'],
    ["params.depth = 6", 'expected a text in quotes, not "6" at character 16'],
    ["params.depth > '6'", 'params cannot be compared by ">" here'],
    ["params.depth = '6", "the ' is not closed at character 16"],
    ["params.depth = '6' or tags.x = 'y'", "conditions are joined by AND only, not by OR at character 20"],
    ["params.depth = '6' tags.x = 'y'", 'expected AND or the end, not "tags.x" at character 20'],
    ["params.depth = '6' AND", "expected a field, not the end at character 23"],
    ["(params.depth = '6')", 'expected a field, not "(" at character 1'],
    ["wings.span = '6'", 'there is no "wings" to search'],
    ["speed = '6'", 'there is no attribute "speed"'],
    ["metrics. > 1", 'a key is missing behind "metrics." at character 1'],
    ["status IN ()", 'expected a text in quotes, not ")" at character 12'],
    ["status IN ('a' 'b')", 'expected "," or ")", not "b" at character 16'],
    ["datasets.size = '6'", 'there is no dataset key "size"'],
    ["params.a ; drop = 'x'", '";" has no meaning at character 10'],
    ["status NOT 'x'", 'expected an operator, not "NOT" at character 8'],
  ]) {
    test(`is refused: ${filter}`, () => {
      assert.ok(
        refusal(() => parseFilter("runs", filter)).startsWith(`filter: ${message}`),
        refusal(() => parseFilter("runs", filter)),
      );
    });
  }

  test("has a variant for each kind of thing", () => {
    const model = valuesOf({ "attribute.name": "late", "attribute.version_number": 3, "tag.team": "ops" });
    assert.equal(holds("name ILIKE 'LA%' and tags.team = 'ops'", "registeredModels", model), true);
    assert.equal(holds("version_number >= 3 and name IN ('late')", "modelVersions", model), true);
    assert.equal(holds("creation_time > 5", "experiments", valuesOf({ "attribute.creation_time": 6 })), true);
    const logged = valuesOf({ "attribute.last_updated_timestamp": 6, "metric.auc": 1, "param.a": "x" });
    assert.equal(
      holds("last_updated_time = 6 and metrics.auc = 1 and params.a IN ('x')", "loggedModels", logged),
      true,
    );
    assert.match(
      refusal(() => parseFilter("experiments", "metrics.auc > 1")),
      /no "metrics" to search; there are attributes, tags/,
    );
    assert.match(
      refusal(() => parseFilter("registeredModels", "name IN ('a')")),
      /cannot be compared by "IN"/,
    );
  });
});

describe("an order", () => {
  const ordered = (orderBy: string[], ...items: Record<string, string | number>[]): unknown[] => {
    const compare = comparator(parseOrder("runs", orderBy));
    return items
      .map((fields) => ({ fields, values: valuesOf(fields) }))
      .sort((a, b) => compare(a.values, b.values))
      .map(({ fields }) => fields.name);
  };

  test("puts NaN behind the numbers and what is missing last, up or down", () => {
    const items: Record<string, string | number>[] = [
      { name: "none" },
      { name: "nan", "metric.auc": Number.NaN },
      { name: "low", "metric.auc": Number.NEGATIVE_INFINITY },
      { name: "high", "metric.auc": 2 },
    ];
    assert.deepEqual(ordered(["metrics.auc"], ...items), ["low", "high", "nan", "none"]);
    assert.deepEqual(ordered(["metrics.auc DESC"], ...items), ["high", "low", "nan", "none"]);
  });

  test("goes on by the next key, texts by their bytes", () => {
    const items = [
      { name: 1, "param.a": "b", "attribute.start_time": 1 },
      { name: 2, "param.a": "B", "attribute.start_time": 1 },
      { name: 3, "param.a": "b", "attribute.start_time": 2 },
      { name: 4, "param.a": "\u{1f600}", "attribute.start_time": 1 },
      { name: 5, "param.a": "\uffee", "attribute.start_time": 1 },
    ];
    assert.deepEqual(ordered(["params.`a` asc", "start_time desc"], ...items), [2, 3, 1, 5, 4]);
  });

  test("refuses what cannot be an order, naming the key", () => {
    assert.match(
      refusal(() => parseOrder("runs", ["metrics.a", "metrics.b UP"])),
      /^order_by\[1\]: expected ASC, DESC or the end, not "UP" at character 11/,
    );
    assert.match(
      refusal(() => parseOrder("runs", ["metrics.a", "metrics.a DESC"])),
      /metric\.a is named twice/,
    );
    assert.match(
      refusal(() => parseOrder("registeredModels", ["tags.a, name"])),
      /expected ASC/,
    );
    assert.deepEqual(parseOrder("registeredModels", ["timestamp DESC"]), [
      { entity: "attribute", key: "last_updated_timestamp", type: "number", ascending: false },
    ]);
  });
});
