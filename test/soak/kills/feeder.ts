import { until } from "../../e2e/platform.ts";
import { isConnectionLost, predicted, resume } from "../../e2e/producer.ts";
import { answers } from "../../e2e/rows.ts";
import { isRetryable, refusalOf } from "./answers.ts";
import { callAt, type Ledger } from "./ledger.ts";

const callsAhead = 12;
const answerWithinMs = 60_000;

/** What a client does for as long as a platform lives. It ends when it is told to, or when the platform goes away. */
export type Work = { done: Promise<void>; stop(): void };

/** How many of the calls a platform holds, as its topics tell. */
export const held = (url: string, { calls }: Ledger): Promise<number> => resume(url, { calls, departures: 0 });

/** Sends call after call, never a call twice: which of them are there after a lost answer, the topics tell. */
export const feed = (url: string, ledger: Ledger, onRefusal: (what: string) => void): Work => {
  let told = false;
  const work = async (): Promise<void> => {
    for (;;) {
      await until("predictions follow the records", answerWithinMs, async () => {
        return told || (await predicted(url)) >= due(ledger);
      });
      if (told) return;
      const { topic, records } = callAt(ledger, ledger.held);
      const response = await fetch(`${url}/topics/${topic}`, {
        method: "POST",
        headers: { "content-type": "application/vnd.kafka.json.v2+json" },
        body: `{"records":[${records.join(",")}]}`,
        signal: AbortSignal.timeout(answerWithinMs),
      });
      const text = await response.text();
      if (response.ok) ledger.held++;
      else if (isRetryable(text)) await new Promise((resolve) => setTimeout(resolve, 100));
      else return onRefusal(`${topic}: ${response.status} ${refusalOf(text)}`);
    }
  };
  const done = work().catch((error: unknown) => {
    if (!isConnectionLost(error)) onRefusal(String(error));
  });
  return {
    done,
    stop: () => {
      told = true;
    },
  };
};

/** Predictions that must be there before the next call is sent: a backlog, but no more than a part of the stream. */
const due = ({ calls, held }: Ledger): number =>
  calls
    .slice(0, Math.max(0, held - callsAhead))
    .reduce((sum, { topic, records }) => sum + (topic === "departures" ? answers * records.length : 0), 0);
