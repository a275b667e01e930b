import { test } from "node:test";
import { alert } from "../../commands/alert/decider.ts";
import { monitor } from "../../commands/monitor/decider.ts";
import type { AlertEvent } from "../../schemas/lifecycle/alert.ts";
import type { MonitorEvent } from "../../schemas/lifecycle/monitor.ts";
import { drift, finding } from "./samples.ts";
import { spec } from "./specification.ts";

const created: MonitorEvent = { type: "MonitorCreated", data: drift };
const deleted: MonitorEvent = { type: "MonitorDeleted", data: {} };
const create = { type: "CreateMonitor", data: { id: "drift", definition: drift } } as const;
const remove = { type: "DeleteMonitor", data: { id: "drift" } } as const;

test("a monitor is created once and its id used once", () => {
  spec(monitor).given().when(create).then(created);
  spec(monitor).given(created).when(create).then();
  spec(monitor)
    .given(created)
    .when({ ...create, data: { id: "drift", definition: { ...drift, threshold: 0.3 } } })
    .thenError("ALREADY_EXISTS", /"drift"/);
  spec(monitor)
    .given(created, deleted)
    .when(create)
    .thenError("ILLEGAL_STATE", /deleted/);
});

test("a monitor is deleted once", () => {
  spec(monitor).given(created).when(remove).then(deleted);
  spec(monitor).given(created, deleted).when(remove).then();
  spec(monitor).given().when(remove).thenError("NOT_FOUND");
});

const raised: AlertEvent = { type: "AlertRaised", data: finding };
const acknowledged: AlertEvent = { type: "AlertAcknowledged", data: { comment: "looking" } };
const resolved: AlertEvent = { type: "AlertResolved", data: { comment: "fixed" } };
const raise = { type: "RaiseAlert", data: { id: "a", definition: finding } } as const;
const acknowledge = { type: "AcknowledgeAlert", data: { id: "a", comment: "looking" } } as const;
const resolve = { type: "ResolveAlert", data: { id: "a", comment: "fixed" } } as const;

test("the same finding raises one alert, whatever became of it", () => {
  spec(alert).given().when(raise).then(raised);
  spec(alert).given(raised).when(raise).then();
  spec(alert).given(raised, resolved).when(raise).then();
  spec(alert)
    .given(raised)
    .when({ ...raise, data: { id: "a", definition: { ...finding, value: 1 } } })
    .thenError("ALREADY_EXISTS", /"a"/);
});

test("an alert is acknowledged, then resolved, each once", () => {
  spec(alert).given(raised).when(acknowledge).then(acknowledged);
  spec(alert).given(raised, acknowledged).when(acknowledge).then();
  spec(alert).given(raised, acknowledged).when(resolve).then(resolved);
  spec(alert).given(raised).when(resolve).then(resolved);
  spec(alert).given(raised, resolved).when(resolve).then();
});

test("a resolved alert is not acknowledged any more; an unknown one is neither", () => {
  spec(alert)
    .given(raised, resolved)
    .when(acknowledge)
    .thenError("ILLEGAL_STATE", /resolved/);
  spec(alert).given().when(acknowledge).thenError("NOT_FOUND");
  spec(alert).given().when(resolve).thenError("NOT_FOUND");
});
