import type { EventStore } from "../../infra/event-store/port.ts";
import { type Catalog, emptyCatalog, evolveCatalog } from "../catalog.ts";
import { type StoredPrediction, type Verification, type VerifyOptions, verifyPredictions } from "./verify.ts";

/** Events after which a prediction may be made of other features, or none be made any more. */
const turningPoints = new Set([
  "EventSourceSchemaChanged",
  "FeatureViewChanged",
  "FeatureViewArchived",
  "DeploymentStopped",
  "EventSourceArchived",
]);

/** A batch that was under way when the catalog changed may be served so much later. */
const underWayMs = 60_000;

type Epochs = {
  /** When each epoch after the first began, UTC ms. */
  starts: number[];
  /** The catalog as each epoch left it. */
  catalogs: Catalog[];
};

const epochsOf = async (eventStore: EventStore): Promise<Epochs> => {
  const catalog = emptyCatalog();
  const epochs: Epochs = { starts: [], catalogs: [] };
  const keep = (): void => {
    epochs.catalogs.push({
      position: catalog.position,
      projects: new Set(catalog.projects),
      sources: new Map(catalog.sources),
      views: new Map(catalog.views),
      versions: new Map(catalog.versions),
      deployments: new Map(catalog.deployments),
      monitors: new Map(catalog.monitors),
    });
  };
  for await (const event of eventStore.readAll()) {
    if (turningPoints.has(event.type)) {
      keep();
      epochs.starts.push(event.metadata.at);
    }
    evolveCatalog(catalog, event);
  }
  keep();
  return epochs;
};

/** `verifyPredictions`, each prediction by the views and deployments that were in force when it was served. */
export const verifyAsServed = async (
  eventStore: EventStore,
  options: Omit<VerifyOptions, "catalog">,
): Promise<Verification> => {
  const { starts, catalogs } = await epochsOf(eventStore);
  const epochOf = ({ servedAt }: StoredPrediction): number => starts.filter((at) => at <= servedAt).length;
  const result: Verification = { checked: 0, mismatches: [], missing: [] };
  for (const [epoch, catalog] of catalogs.entries()) {
    const predictions = options.predictions.filter((prediction) => epochOf(prediction) === epoch);
    if (predictions.length === 0) continue;
    const found = await verifyPredictions({ ...options, catalog, predictions });
    const wrong = new Set([...found.mismatches.map(({ id }) => id), ...found.missing]);
    const underWay = predictions.filter(
      ({ id, servedAt }) => epoch > 0 && wrong.has(id) && servedAt - starts[epoch - 1] < underWayMs,
    );
    const before = await verifyPredictions({
      ...options,
      catalog: catalogs[epoch - 1] ?? catalog,
      predictions: underWay,
    });
    const asked = new Set(underWay.map(({ id }) => id));
    result.checked += found.checked + before.checked - underWay.filter(({ id }) => !found.missing.includes(id)).length;
    result.mismatches.push(...found.mismatches.filter(({ id }) => !asked.has(id)), ...before.mismatches);
    result.missing.push(...found.missing.filter((id) => !asked.has(id)), ...before.missing);
  }
  return result;
};
