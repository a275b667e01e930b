import pino from "pino";
import { loadSettings, type Settings } from "../../infra/config.ts";
import { withoutCredentials } from "../../infra/engine-url.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import { warehousePasswordFile } from "../own-warehouse.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { type CliCommand, settingHelp, settingOptions, textValues } from "./command.ts";
import { aborted, closeWhole, exitCodes, shutdownSignal } from "./shutdown.ts";

export const start: CliCommand = {
  help: `Usage: millrace start [OPTIONS]

Runs the platform, or some of its roles, until SIGINT or SIGTERM: then it drains and exits with 0, or, when something
hung for more than some seconds and had to be cut off, with 70.

${settingHelp}`,
  options: settingOptions,
  run: async ({ values }) => {
    const settings = loadSettings(textValues(values), process.env);
    const logger = pino({ level: settings.logLevel });
    const stopping = shutdownSignal();
    let platform: Platform;
    try {
      platform = await startPlatform(settings, logger, stopping);
    } catch (error) {
      if (!stopping.aborted || !isMillraceError(error, "CLOSED")) throw error;
      logger.info({ err: error }, "stopped while it was starting");
      return exitCodes.whole;
    }
    console.log(banner(platform, settings));
    await aborted(stopping);
    logger.info("draining");
    return closeWhole(platform, logger);
  },
};

export const banner = (
  { url, warehouseAccess }: Pick<Platform, "url" | "warehouseAccess">,
  settings: Pick<Settings, "host" | "apiToken" | "roles" | "data" | "warehouse">,
): string => {
  const { host, apiToken, roles } = settings;
  const warehouse = warehouseAccess?.url ?? withoutCredentials(settings.warehouse);
  const password = warehouseAccess === null ? "" : `   (user default, password in ${warehousePasswordFile(settings)})`;
  return ["", ...(roles.includes("api") ? doors(url, warehouse + password) : [`  Roles         ${roles.join(", ")}`])]
    .concat(
      `  Health        ${url}/health/ready      Metrics: ${url}/metrics`,
      "",
      apiToken === ""
        ? `  There are no users yet: whoever reaches ${host} acts as the local admin.`
        : "  There are no users yet: whoever sends API_TOKEN as Authorization: Bearer acts as the local admin.",
      "",
    )
    .join("\n");
};

const doors = (url: string, warehouse: string): string[] => [
  `  GraphQL       ${url}/graphql   (GraphiQL: ${url}/graphiql)`,
  `  Records       POST ${url}/topics/TOPIC`,
  `  ClickHouse    ${warehouse}`,
];
