import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { documentsAsOf } from "../../projections/clickhouse/read/documents-as-of.ts";
import { documentAt, documentChanges } from "../../projections/documents/changes.ts";
import { homeOf, targetResolver } from "../../projections/documents/collections.ts";
import { diffDocuments, type FieldChange } from "../../projections/documents/diff.ts";
import { documentHistory } from "../../projections/documents/history.ts";
import { nameMember } from "../../projections/documents/keys.ts";
import { type CollectionName, collectionNames, type DocumentBase } from "../../projections/documents/types.ts";
import { type Fixture, openFixture } from "./clickhouse-fixture.ts";
import { histories, lives, modelFacts } from "./facts.ts";
import { type Fact, openStores, record, START_AT, storesOf } from "./stores.ts";

let fixture: Fixture;

before(async () => {
  fixture = await openFixture();
});
after(() => fixture.close());

/** Every document of a history, as the folds of its events up to a moment leave it: written without the code at hand. */
const foldTo = async (events: Awaited<ReturnType<typeof stored>>, at: number): Promise<Map<string, DocumentBase>> => {
  const found = new Map<string, DocumentBase>();
  const documents = new Map<string, DocumentBase | null>();
  for (const event of events) {
    for (const target of targetResolver()(event)) {
      const key = JSON.stringify([target.collection, event.metadata.project, target.id]);
      const document = target.project(documents.get(key) ?? null, event);
      documents.set(key, document);
      if (event.metadata.at <= at && document !== null) found.set(key, document);
    }
  }
  return found;
};

const stored = async (facts: readonly Fact[]) => {
  const stores = openStores();
  try {
    await record(stores.eventStore, ...facts);
    return await Array.fromAsync(stores.eventStore.readAll());
  } finally {
    await stores.close();
  }
};

test("random histories hold documents of every collection", async () => {
  const facts = lives.flatMap(({ aggregate, events }): Fact[] =>
    events(1, "text").map((event) => ({ aggregate, project: "flights", id: "one", event })),
  );
  const targets = (await stored(facts)).flatMap((event) => targetResolver()(event));
  assert.deepEqual([...new Set(targets.map(({ collection }) => collection))].sort(), [...collectionNames].sort());
});

test("a document as of a moment is the fold of its events up to then, for every type of document", async () => {
  await fc.assert(
    fc.asyncProperty(histories, fc.integer({ min: 999_999, max: 1_000_007 }), async (facts, at) => {
      const stores = openStores();
      try {
        await record(stores.eventStore, ...facts);
        const events = await Array.fromAsync(stores.eventStore.readAll());
        const expected = await foldTo(events, at);
        for (const key of (await foldTo(events, Number.POSITIVE_INFINITY)).keys()) {
          const [collection, project, id] = JSON.parse(key) as [CollectionName, string, string];
          const found = await documentAt(stores.eventStore, { collection, project, id }, at);
          assert.deepEqual(found, expected.get(key) ?? null);
        }
      } finally {
        await stores.close();
      }
    }),
    { numRuns: 40 },
  );
});

test("the warehouse's documents and lists as of any moment are the same fold", async () => {
  const asOf = documentsAsOf(fixture.warehouse);
  const { client } = fixture.warehouse;
  await fc.assert(
    fc.asyncProperty(histories, async (facts) => {
      const stores = openStores();
      try {
        await record(stores.eventStore, ...facts.map((fact) => ({ ...fact, at: START_AT + (fact.at ?? 0) })));
        const events = await Array.fromAsync(stores.eventStore.readAll());
        await client.command({ query: "TRUNCATE TABLE documents" });
        const values = await documentHistory(stores.eventStore).rows(events);
        await client.insert({ table: "documents", values, format: "JSONEachRow" });
        for (const at of [999_999, 1_000_003, 1_000_006].map((ms) => START_AT + ms)) {
          const expected = await foldTo(events, at);
          const lists = new Map<string, DocumentBase[]>();
          for (const [key, document] of expected) {
            const [collection, project, id] = JSON.parse(key) as [CollectionName, string, string];
            assert.deepEqual(await asOf.get(collection, homeOf(collection, project), id, at), document);
            const list = JSON.stringify([collection, homeOf(collection, project)]);
            lists.set(list, [...(lists.get(list) ?? []), document]);
          }
          for (const [key, documents] of lists) {
            const [collection, home] = JSON.parse(key) as [CollectionName, string];
            const { items } = await asOf.list(collection, home, { at, first: 1000 });
            const inOrder = (list: readonly DocumentBase[]) => list.map((one) => nameMember(collection, one));
            assert.deepEqual(inOrder(items.map(({ node }) => node as DocumentBase)), inOrder(documents).sort());
          }
        }
      } finally {
        await stores.close();
      }
    }),
    { numRuns: 4 },
  );
});

test("a history tells each change with its event; together the changes lead to the document", async (t) => {
  const { eventStore } = storesOf(t);
  await record(eventStore, ...modelFacts("flights", "delays"));
  const changes = await Array.fromAsync(documentChanges(eventStore, "modelVersions", "flights", "delays/1"));
  assert.deepEqual(
    changes.map(({ event, before, after }) => [event.type, before === null, diffDocuments(before, after).length > 0]),
    [
      ["ModelVersionCreated", true, true],
      ["ModelVersionApproved", false, true],
    ],
  );
  const approved = diffDocuments(changes[1].before, changes[1].after);
  assert.deepEqual(
    approved.find(({ path }) => path === "/status"),
    { op: "replace", path: "/status", before: "pending", after: "approved" },
  );
});

/** RFC 6902, for what diffs say. */
const patch = (document: unknown, changes: readonly FieldChange[]): unknown => {
  const root = { "": structuredClone(document) } as Record<string, unknown>;
  const removals = changes.filter(({ op }) => op === "remove").reverse();
  for (const { op, path, after } of [...changes.filter((one) => one.op !== "remove"), ...removals]) {
    const keys = ["", ...path.split("/").slice(1)].map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
    const last = keys.pop() as string;
    const parent = keys.reduce((value, key) => value[key] as Record<string, unknown>, root);
    if (op === "remove" && Array.isArray(parent)) parent.splice(Number(last), 1);
    else if (op === "remove") delete parent[last];
    else parent[last] = after;
  }
  return root[""];
};

test("a diff turns the one state into the other", () => {
  const value = fc.dictionary(
    fc.constantFrom("a", "b", "c/d", "e~f", "0"),
    fc.jsonValue({ noUnicodeString: true } as fc.JsonSharedConstraints),
  );
  fc.assert(
    fc.property(value, value, (one, other) => {
      const [before, after] = [one, other].map((v) => JSON.parse(JSON.stringify(v)));
      const changes = diffDocuments(before, after);
      assert.deepEqual(patch(before, changes), after);
      assert.deepEqual(diffDocuments(after, structuredClone(after)), []);
    }),
  );
});
