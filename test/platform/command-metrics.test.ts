import assert from "node:assert/strict";
import { test } from "node:test";
import { Registry } from "prom-client";
import type { CommandRequest, CommandResult } from "../../commands/bus.ts";
import { localAdmin } from "../../commands/gate.ts";
import { countCommands, countDenials } from "../../platform/command-metrics.ts";
import { MillraceError } from "../../schemas/errors.ts";

const request = (type: string): CommandRequest => ({ type, project: "shop", payload: {}, actor: localAdmin });

test("commands are counted by type and by what came of them", async () => {
  const registry = new Registry();
  const bus = countCommands(registry, {
    dispatch: async ({ type }) => {
      if (type === "CreateProject") return { id: "shop" } as CommandResult;
      throw type === "RenameProject" ? new MillraceError("FORBIDDEN", "no") : new Error("a defect");
    },
  });
  assert.equal((await bus.dispatch(request("CreateProject"))).id, "shop");
  await bus.dispatch(request("CreateProject"));
  await assert.rejects(bus.dispatch(request("RenameProject")), { code: "FORBIDDEN" });
  await assert.rejects(bus.dispatch(request("GrantRole")), /a defect/);
  const text = await registry.metrics();
  assert.match(text, /^millrace_commands_total\{type="CreateProject",result="ok"\} 2$/m);
  assert.match(text, /^millrace_commands_total\{type="RenameProject",result="FORBIDDEN"\} 1$/m);
  assert.match(text, /^millrace_commands_total\{type="GrantRole",result="INTERNAL"\} 1$/m);
});

test("refusals of the gate are counted by action, as often as the metrics are asked for", async () => {
  const registry = new Registry();
  const denied = new Map([["CreateProject", 2]]);
  countDenials(registry, { denials: () => denied });
  assert.match(await registry.metrics(), /^millrace_denials_total\{action="CreateProject"\} 2$/m);
  denied.set("CreateProject", 3).set("query:model", 1);
  const text = await registry.metrics();
  assert.match(text, /^millrace_denials_total\{action="CreateProject"\} 3$/m);
  assert.match(text, /^millrace_denials_total\{action="query:model"\} 1$/m);
});
