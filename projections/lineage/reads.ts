import type { EventStore } from "../../infra/event-store/port.ts";
import { documentChanges } from "../documents/changes.ts";
import type { CollectionName, Collections, DeploymentDocument, Documents } from "../documents/types.ts";
import type { LineageReads, ServedCount, ServedPrediction } from "./graph.ts";

type Sources = {
  documents: Documents;
  eventStore: EventStore;
  prediction(project: string, id: string): Promise<ServedPrediction | null>;
  servedCounts(project: string, endpoints: readonly string[]): Promise<Omit<ServedCount, "project">[]>;
};

const PAGE = 1000;

/** Lineage out of the newest documents, the deployments' own streams and the stored predictions. */
export const lineageReads = ({ documents, eventStore, prediction, servedCounts }: Sources): LineageReads => ({
  document: (collection, project, id) => documents.get(collection, project, id),

  async all<C extends CollectionName>(collection: C, project: string) {
    const found: Collections[C][] = [];
    let after: string | undefined;
    for (;;) {
      const page = await documents.list(collection, project, { first: PAGE, after });
      for (const { node } of page.items) found.push(node);
      after = page.items.at(-1)?.cursor;
      if (!page.hasNext || after === undefined) return found;
    }
  },

  async revisions(project, endpoint) {
    const states: DeploymentDocument[] = [];
    for await (const { before, after } of documentChanges(eventStore, "deployments", project, endpoint)) {
      if (after !== null && after !== before) states.push(after as DeploymentDocument);
    }
    return states;
  },

  prediction,

  async served(project, endpoints) {
    return (await servedCounts(project, endpoints)).map((count) => ({ ...count, project }));
  },
});
