import type { Settings } from "../infra/config.ts";

/** Whether an engine of these settings belongs to one process at a time: any embedded one but the event store. */
export const isForOneProcess = (
  { broker, onlineStore, warehouse }: Pick<Settings, "broker" | "onlineStore" | "warehouse">,
  usesWarehouse: boolean,
): boolean => /^sqlite:/i.test(broker) || /^sqlite:/i.test(onlineStore) || (usesWarehouse && /^chdb:/i.test(warehouse));
