import { openBroker } from "../../infra/broker/open.ts";
import type { Settings } from "../../infra/config.ts";
import { openEventStore } from "../../infra/event-store/open.ts";
import type { Warehouse } from "../../infra/warehouse/open.ts";
import { surveyPlaces } from "../../projections/clickhouse/survey.ts";
import type { Finding } from "./doctor-engines.ts";

/** Cuts that are told one by one. */
const mostTold = 5;

/** Whether the warehouse holds anything that the logs do not: the next start would cut it back. */
export const placesFinding = async (settings: Settings, warehouse: Warehouse): Promise<Finding> => {
  const eventStore = await openEventStore(settings.eventStore);
  try {
    const broker = await openBroker(settings.broker);
    try {
      const { places, cuts, gone } = await surveyPlaces(warehouse, broker, eventStore);
      const kept = gone.length === 0 ? "" : `; rows of ${gone.length} topics that are gone are kept`;
      if (cuts.length === 0) {
        return { name: "Places", ok: true, detail: `${places} places agree with their logs${kept}` };
      }
      const told = cuts
        .slice(0, mostTold)
        .map(
          ({ store, log, partition, from, to, reason }) =>
            `${store} of ${log}/${partition}: ${from} to ${to} (${reason})`,
        );
      const more = cuts.length > mostTold ? `, and ${cuts.length - mostTold} more` : "";
      const detail =
        `${cuts.length} of ${places} places are beyond their logs: ${told.join(", ")}${more}${kept}; ` +
        "start cuts them back, or restore the log they were made of first";
      return { name: "Places", ok: false, detail };
    } finally {
      await broker.close();
    }
  } finally {
    await eventStore.close();
  }
};
