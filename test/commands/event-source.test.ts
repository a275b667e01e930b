import assert from "node:assert/strict";
import { test } from "node:test";
import { eventSource } from "../../commands/event-source/decider.ts";
import { checkSourceSchema } from "../../commands/event-source/source-schema.ts";
import type { EventSourceEvent } from "../../schemas/lifecycle/event-source.ts";
import { orderSchema, orders, paymentSchema } from "./samples.ts";
import { spec } from "./specification.ts";

const created: EventSourceEvent = { type: "EventSourceCreated", data: orders };
const archived: EventSourceEvent = { type: "EventSourceArchived", data: {} };
const create = { type: "CreateEventSource", data: { id: "orders", definition: orders } } as const;

test("an event source is created once; the registry's id is no part of what was asked", () => {
  spec(eventSource).given().when(create).then(created);
  spec(eventSource)
    .given(created)
    .when({ ...create, data: { id: "orders", definition: { ...orders, schemaId: 0 } } })
    .then();
});

test("another definition under the same id is refused", () => {
  spec(eventSource)
    .given(created)
    .when({ ...create, data: { id: "orders", definition: { ...orders, partitions: 8 } } })
    .thenError("ALREADY_EXISTS", /"orders"/);
});

test("a schema changes, an equal one does not", () => {
  const source = spec(eventSource).given(created);
  const schema = `${orderSchema} `;
  source
    .when({ type: "ChangeEventSourceSchema", data: { id: "orders", schema, schemaId: 2 } })
    .then({ type: "EventSourceSchemaChanged", data: { schema, schemaId: 2 } });
  source.when({ type: "ChangeEventSourceSchema", data: { id: "orders", schema: orderSchema, schemaId: 0 } }).then();
});

test("an archived source stays as it was", () => {
  const source = spec(eventSource).given(created, archived);
  source.when({ type: "ArchiveEventSource", data: { id: "orders" } }).then();
  source.when(create).thenError("ILLEGAL_STATE", /archived/);
  source
    .when({ type: "ChangeEventSourceSchema", data: { id: "orders", schema: "{}", schemaId: 2 } })
    .thenError("ILLEGAL_STATE");
  spec(eventSource)
    .given(created)
    .when({ type: "ArchiveEventSource", data: { id: "orders" } })
    .then(archived);
  spec(eventSource)
    .given()
    .when({ type: "ArchiveEventSource", data: { id: "orders" } })
    .thenError("NOT_FOUND", /"orders"/);
});

test("a source's schema is a record with its key and its time", () => {
  checkSourceSchema(orderSchema, "customer", "at");
  checkSourceSchema(paymentSchema, "customer", "at");
  const refused = (schema: string, key: string, timestamp: string, message: RegExp): void =>
    assert.throws(() => checkSourceSchema(schema, key, timestamp), { code: "INVALID_SCHEMA", message });
  refused("not JSON", "customer", "at", /not JSON/);
  refused('"string"', "customer", "at", /record/);
  refused("null", "customer", "at", /record/);
  refused(orderSchema, "buyer", "at", /"buyer" is not in the schema, which has: customer, order, at, amount/);
  refused(orderSchema, "amount", "at", /key field "amount" is "double"/);
  refused(orderSchema, "customer", "order", /timestamp field "order" is "string"/);
});
