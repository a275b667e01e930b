import type { Client } from "../../../examples/flights/client.ts";
import { partitions, project } from "../../../examples/flights/definitions.ts";

/** A record as the topics door shows it. */
export type Shown = { partition: number; offset: number; key: string | null; value: Record<string, unknown> };

const page = 1000;

const json = async <T>(url: string): Promise<T> => {
  const response = await fetch(url, { signal: AbortSignal.timeout(60_000) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url}: ${response.status} ${text.slice(0, 500)}`);
  return JSON.parse(text) as T;
};

/** Every record of a topic, as its door shows them; none where the topic was not made yet. */
export const topicRecords = async (url: string, topic: string): Promise<Shown[]> => {
  const names = await json<string[]>(`${url}/topics`);
  const records: Shown[] = [];
  if (!names.includes(topic)) return records;
  for (let partition = 0; partition < partitions; partition++) {
    const base = `${url}/topics/${topic}/partitions/${partition}`;
    const { beginning_offset, end_offset } = await json<{ beginning_offset: number; end_offset: number }>(
      `${base}/offsets`,
    );
    for (let offset = beginning_offset; offset < end_offset; ) {
      const found = await json<Shown[]>(`${base}/records?offset=${offset}&count=${page}`);
      if (found.length === 0) break;
      records.push(...found);
      offset = found[found.length - 1].offset + 1;
    }
  }
  return records;
};

export type LogEvent = { type: string; slug: string; stream: string; revision: number; data: Record<string, unknown> };

type Page = { edges: { node: LogEvent }[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } };

/** Every lifecycle event of the project, as the log holds them. */
export const lifecycleEvents = async (client: Client): Promise<LogEvent[]> => {
  const text = `query ($project: String!, $after: String) { events(project: $project, first: ${page}, after: $after) {
    edges { node { type slug stream revision data } } pageInfo { hasNextPage endCursor } } }`;
  const events: LogEvent[] = [];
  for (let after: string | null = null; ; ) {
    const { events: found }: { events: Page } = await client.query(text, { project, after });
    events.push(...found.edges.map(({ node }) => node));
    if (!found.pageInfo.hasNextPage) return events;
    after = found.pageInfo.endCursor;
  }
};
