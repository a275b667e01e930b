import { AggregatorRegistry, type Registry } from "prom-client";
import type { RoleThread } from "./threads.ts";

/**
 * The registry, whose text then also has what the threads measure, equal threads added up, and with them what this
 * thread counts in `shared` under names that threads use, too.
 */
export const withThreads = (registry: Registry, shared: Registry, threads: readonly RoleThread[]): Registry => {
  const own = registry.metrics.bind(registry);
  registry.metrics = async () => {
    const measured = await Promise.all([shared.getMetricsAsJSON(), ...threads.map((thread) => thread.metrics())]);
    return [await own(), await AggregatorRegistry.aggregate(measured).metrics()].join("\n");
  };
  return registry;
};
