import assert from "node:assert/strict";
import { test } from "node:test";
import { getIntrospectionQuery, parse } from "graphql";
import { checkCost, costOf, MAX_COST } from "../../graphql/limits/cost.ts";
import { checkDepth, depthOf, MAX_DEPTH } from "../../graphql/limits/depth.ts";
import { operationsOf } from "../../graphql/limits/walk.ts";
import { schema } from "../../graphql/schema.ts";
import { isMillraceError } from "../../schemas/errors.ts";

const cost = (query: string, variables?: Record<string, unknown>): number =>
  costOf(operationsOf(parse(query))[0], schema, variables).objects;
const depth = (query: string): number => depthOf(operationsOf(parse(query))[0]).data;

test("a page multiplies what is below it", () => {
  const list = (first: string) => `query ($n: Int) { models(project: "p"${first}) { edges { node { slug } } } }`;
  assert.equal(cost(list(", first: 100")), 1 + 100 * 2);
  assert.equal(cost(list(", first: $n"), { n: 7 }), 1 + 7 * 2);
  assert.equal(cost(list("")), 1 + 20 * 2);
  assert.equal(cost(list(", first: $n"), {}), 1 + 20 * 2);
});

test("nested lists multiply each other, also through fragments and aliases", () => {
  const direct =
    '{ a: models(project: "p", first: 10) { edges { node { versions(first: 5) { lineage { code } } } } } }';
  assert.equal(cost(direct), 1 + 10 * (1 + 1 + 5 * (1 + 1)));
  const spread = `{ models(project: "p", first: 10) { ...Page } }
    fragment Page on ModelConnection { edges { node { ... on Model { ...Versions } } } }
    fragment Versions on Model { versions(first: 5) { lineage { code } } }`;
  assert.equal(cost(spread), cost(direct));
  assert.equal(cost('{ a: models(project: "p") { total } b: models(project: "p") { total } }'), 2);
});

test("a list of keys counts once for each", () => {
  const query =
    'query ($keys: [String!]!) { onlineFeatures(project: "p", view: "v", entities: $keys) { vectors { at } } }';
  assert.equal(cost(query, { keys: ["a", "b", "c"] }), 1 + 3);
  assert.equal(cost('{ onlineFeatures(project: "p", view: "v", entities: ["a", "b"]) { vectors { at } } }'), 1 + 2);
});

test("a warehouse query costs more than a document", () => {
  assert.ok(cost('{ prediction(project: "p", id: "x") { id } }') > cost('{ model(project: "p", id: "x") { slug } }'));
});

test("the refusal names cost and limit", () => {
  const [operation] = operationsOf(
    parse('{ models(project: "p", first: 1000) { edges { node { versions(first: 1000) { slug } } } } }'),
  );
  assert.throws(
    () => checkCost(operation, schema),
    (error) => isMillraceError(error, "QUERY_TOO_COSTLY") && error.details.limit === MAX_COST,
  );
});

test("depth is counted through fragments, which add none of their own", () => {
  assert.equal(depth("{ a }"), 1);
  assert.equal(depth("{ a { b { c } } d }"), 3);
  assert.equal(depth("{ a { ...F } } fragment F on T { b { c } }"), 3);
  assert.equal(depth("{ a { ... on T { b } } }"), 2);
});

test("a query beyond the limit is refused with both numbers", () => {
  const nest = (levels: number): string => (levels === 0 ? "x" : `x { ${nest(levels - 1)} }`);
  checkDepth(operationsOf(parse(`{ ${nest(MAX_DEPTH - 1)} }`))[0]);
  assert.throws(
    () => checkDepth(operationsOf(parse(`{ ${nest(MAX_DEPTH)} }`))[0]),
    (error) => isMillraceError(error, "QUERY_TOO_DEEP") && error.details.depth === MAX_DEPTH + 1,
  );
});

const checked = (query: string, variables?: Record<string, unknown>): void => {
  const [operation] = operationsOf(parse(query));
  checkDepth(operation);
  checkCost(operation, schema, variables);
};
const isTooCostly = (error: unknown): boolean => isMillraceError(error, "QUERY_TOO_COSTLY");

test("the whole schema, which tools need, may be asked for; not many times, nor in more depth", () => {
  const options = { inputValueDeprecation: true, oneOf: true, specifiedByUrl: true, schemaDescription: true };
  checked(getIntrospectionQuery(options));
  const fields = "__schema { types { fields { name args { name type { name } } type { name ofType { name } } } } }";
  checked(`{ a: ${fields} }`);
  assert.throws(() => checked(`{ ${Array.from({ length: 20 }, (_, i) => `a${i}: ${fields}`)} }`), isTooCostly);
  const nested = "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }";
  assert.throws(() => checked(nested), isTooCostly);
  const ofType = `{ __type(name: "Model") { ${"ofType { ".repeat(30)} name ${"}".repeat(30)} } }`;
  assert.throws(
    () => checked(ofType),
    (error) => isMillraceError(error, "QUERY_TOO_DEEP"),
  );
});

test("the default of a variable counts as its value", () => {
  const query = `query ($n: Int = 1000) {
    models(project: "p", first: $n) { edges { node { versions(first: $n) { slug } } } }
  }`;
  assert.throws(() => checked(query), isTooCostly);
  checked(query, { n: 10 });
});

test("leaves count: a page of a thousand rows has not a thousand fields each", () => {
  const query = (fields: number): string =>
    `{ models(project: "p", first: 1000) { edges { node { ${Array.from({ length: fields }, (_, i) => `f${i}: slug`)} } } } }`;
  checked(query(100));
  assert.throws(() => checked(query(500)), isTooCostly);
});

test("fragments count wherever they are spread, however often they double", () => {
  const spread = (times: number): string =>
    `{ ${Array.from({ length: times }, (_, i) => `m${i}: model(project: "p", id: "x") { ...F }`)} }
     fragment F on Model { ${Array.from({ length: 100 }, (_, i) => `f${i}: slug`)} }`;
  checked(spread(9));
  assert.throws(() => checked(spread(10)), isTooCostly);
  const doubling = Array.from(
    { length: 60 },
    (_, i) => `fragment F${i} on Query { ...F${i + 1} a: __typename ...F${i + 1} }`,
  );
  assert.throws(() => checked(`{ ...F0 } ${doubling.join(" ")} fragment F60 on Query { __typename }`), isTooCostly);
});
