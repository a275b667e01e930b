import { AggregatorRegistry, type Registry } from "prom-client";
import type { RoleThread } from "./threads.ts";

/** The registry, whose text then also has what the threads measure, equal threads added up. */
export const withThreads = (registry: Registry, threads: readonly RoleThread[]): Registry => {
  const own = registry.metrics.bind(registry);
  registry.metrics = async () => {
    const measured = await Promise.all(threads.map((thread) => thread.metrics()));
    return [await own(), await AggregatorRegistry.aggregate(measured).metrics()].join("\n");
  };
  return registry;
};
