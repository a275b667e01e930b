import assert from "node:assert/strict";
import { endpoint, partitions, project } from "../../examples/flights/definitions.ts";
import { topicOf } from "../../schemas/topics.ts";
import type { Traffic } from "./flights.ts";
import { until } from "./platform.ts";

/** How many calls the producer is ahead of the predictions: a backlog, but no more than a part of the stream. */
const mostCallsAhead = 16;

/** What fetch throws when the platform goes away. */
export const isConnectionLost = (error: unknown): boolean => error instanceof TypeError;

/** Records that a topic has accepted: the sum of its partitions' ends, as the platform tells it. */
const accepted = async (url: string, topic: string): Promise<number> => {
  let sum = 0;
  for (let partition = 0; partition < partitions; partition++) {
    const response = await fetch(`${url}/topics/${topic}/partitions/${partition}/offsets`);
    if (response.status === 404) return 0; // the streams have not made the topic yet
    if (!response.ok) throw new Error(`${topic}/${partition}: ${response.status} ${await response.text()}`);
    sum += ((await response.json()) as { end_offset: number }).end_offset;
  }
  return sum;
};

/** Predictions that are committed, whether the warehouse has them yet or not. */
export const predicted = (url: string): Promise<number> => accepted(url, topicOf.predictions(project, endpoint));

/** Which call comes next, by what the topics hold: a call is there whole or not at all. */
export const resume = async (url: string, { calls }: Traffic): Promise<number> => {
  const held = { departures: await accepted(url, "departures"), arrivals: await accepted(url, "arrivals") };
  for (const [index, { topic, records }] of calls.entries()) {
    if (held.departures === 0 && held.arrivals === 0) return index;
    held[topic] -= records.length;
    assert.ok(held[topic] >= 0, `call ${index} to ${topic} was written in part`);
  }
  assert.deepEqual(held, { departures: 0, arrivals: 0 });
  return calls.length;
};

/**
 * Sends the calls from one on, staying a little ahead of the predictions (`answers` of them a departure). Answers the
 * first call that was not acknowledged because the platform went away, or the number of calls when all were.
 */
export const send = async (url: string, { calls }: Traffic, from: number, answers: number): Promise<number> => {
  const due = [0];
  for (const { topic, records } of calls) {
    due.push((due.at(-1) as number) + (topic === "departures" ? answers * records.length : 0));
  }
  for (let call = from; call < calls.length; call++) {
    const { topic, records } = calls[call];
    const enough = due[Math.max(0, call - mostCallsAhead)];
    try {
      await until(`${enough} predictions before call ${call}`, 60_000, async () => (await predicted(url)) >= enough);
      const response = await fetch(`${url}/topics/${topic}`, {
        method: "POST",
        headers: { "content-type": "application/vnd.kafka.json.v2+json" },
        body: `{"records":[${records.join(",")}]}`,
      });
      const answer = await response.text();
      assert.ok(response.ok, `${topic}: ${response.status} ${answer}`);
    } catch (error) {
      if (isConnectionLost(error)) return call;
      throw error;
    }
  }
  return calls.length;
};
