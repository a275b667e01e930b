import type { Logger } from "pino";
import { type CommandBus, commandBus } from "../commands/bus.ts";
import { denialLog } from "../commands/denials.ts";
import { gate, type MemberGate } from "../commands/gate.ts";
import { systemClock } from "../infra/clock.ts";
import type { Settings } from "../infra/config.ts";
import type { Warehouse } from "../infra/warehouse/open.ts";
import { datasetChecks } from "../projections/clickhouse/datasets/index.ts";
import { modelInspector } from "../serving/inspector.ts";
import { checksOf } from "./checks.ts";
import type { Engines } from "./engines.ts";
import { modelLimits } from "./model-limits.ts";

/** The command bus and its gate over these engines. Every role that gives commands has one of its own. */
export const openCommandBus = (
  engines: Engines,
  settings: Settings,
  logger: Logger,
  /** Absent where no command of datasets is given. */
  warehouse: Warehouse | null = null,
): { commands: CommandBus; members: MemberGate; close(): Promise<void> } => {
  const denials = denialLog({ eventStore: engines.eventStore, clock: systemClock, logger });
  const members = gate(engines.eventStore, { logger, denials });
  const inspector = modelInspector(modelLimits(settings));
  const commands = commandBus({
    eventStore: engines.eventStore,
    gate: members,
    clock: systemClock,
    logger,
    defaults: { partitions: settings.partitions },
    checks: checksOf(
      engines,
      inspector,
      warehouse === null
        ? undefined
        : datasetChecks({ warehouse, artifacts: engines.artifacts }, settings.datasetMaxBytes),
    ),
  });
  const close = async (): Promise<void> => {
    await inspector.close();
    await members.close();
  };
  return { commands, members, close };
};
