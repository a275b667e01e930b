import { Counter, type Registry } from "prom-client";
import type { CommandBus } from "../commands/bus.ts";
import type { MemberGate } from "../commands/gate.ts";
import { asMillraceError } from "../schemas/errors.ts";

/** What the gate refused, by action. */
export const countDenials = (registry: Registry, { denials }: Pick<MemberGate, "denials">): void => {
  new Counter({
    name: "millrace_denials_total",
    help: "Commands and reads that the gate refused",
    labelNames: ["action"],
    registers: [registry],
    collect() {
      this.reset();
      for (const [action, count] of denials()) this.inc({ action }, count);
    },
  });
};

/** The same bus, with each command counted by its type and by `ok` or the code that it was refused with. */
export const countCommands = (registry: Registry, commands: CommandBus): CommandBus => {
  const counter = new Counter({
    name: "millrace_commands_total",
    help: "Commands that were given",
    labelNames: ["type", "result"],
    registers: [registry],
  });
  return {
    async dispatch(request) {
      const { type } = request;
      try {
        const answer = await commands.dispatch(request);
        counter.inc({ type, result: "ok" });
        return answer;
      } catch (error) {
        counter.inc({ type, result: asMillraceError(error).code });
        throw error;
      }
    },
  };
};
