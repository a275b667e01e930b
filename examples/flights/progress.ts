import type { Client } from "./client.ts";
import { endpoint, project } from "./definitions.ts";

/** One line that is written over again on a terminal, and now and then a new one elsewhere. */
export type Progress = {
  say(text: string): void;
  streaming(events: number, until: number): Promise<void>;
  /** Resolves when the streams have taken every record. */
  drained(events: number): Promise<void>;
  /** Resolves when so many predictions can be read, and their outcomes; answers after how many seconds the predictions. */
  visible(predictions: number, startedAt: number): Promise<number>;
  rssMb(): Promise<number>;
  end(): void;
};

const everyMs = 500;
const elsewhereEveryMs = 5_000;
const patienceMs = 120_000;

const lagQuery = "query ($project: String!) { consumerLag(project: $project) { topic lag } }";

const countQuery = `query ($project: String!, $endpoint: String!) {
  predictionStatistics(project: $project, endpoint: $endpoint, from: "2001-01-01", to: "2002-01-01", bucketMs: 31536000000) {
    predictions outcomes
  }
}`;

type Lag = { consumerLag: { topic: string; lag: number }[] };
type Counts = { predictionStatistics: { predictions: number; outcomes: number }[] };

export const progressLine = (client: Client): Progress => {
  const terminal = process.stderr.isTTY === true;
  let shownAt = 0;
  let askedAt = 0;
  let last = { at: performance.now(), taken: 0 };
  let rate = 0;

  const say = (text: string): void => {
    const now = performance.now();
    if (!terminal && now - shownAt < elsewhereEveryMs) return;
    shownAt = now;
    process.stderr.write(terminal ? `\r\x1b[2K${text}` : `${text}\n`);
  };

  const lag = async (): Promise<number> => {
    const { consumerLag } = await client.query<Lag>(lagQuery, { project });
    return consumerLag
      .filter(({ topic }) => topic === "departures" || topic === "arrivals")
      .reduce((sum, each) => sum + each.lag, 0);
  };

  const report = async (events: number, until: number | null): Promise<number> => {
    const behind = await lag();
    const now = performance.now();
    rate = (events - behind - last.taken) / ((now - last.at) / 1000);
    last = { at: now, taken: events - behind };
    const when = until === null ? "" : ` | event time ${new Date(until).toISOString().slice(0, 16)}`;
    say(`${events} events produced | ${Math.round(rate)} events/s taken${when} | lag ${behind}`);
    return behind;
  };

  const pause = () => new Promise((resolve) => setTimeout(resolve, everyMs / 5));

  return {
    say,
    streaming: async (events, until) => {
      if (performance.now() - askedAt < everyMs) return;
      askedAt = performance.now();
      await report(events, until);
    },
    drained: async (events) => {
      while ((await report(events, null)) > 0) await pause();
    },
    visible: async (predictions, startedAt) => {
      let seen = -1;
      let changedAt = performance.now();
      let readable: number | null = null;
      for (;;) {
        const counts = await client.query<Counts>(countQuery, { project, endpoint });
        const made = counts.predictionStatistics.reduce((sum, each) => sum + each.predictions, 0);
        const met = counts.predictionStatistics.reduce((sum, each) => sum + each.outcomes, 0);
        const seconds = (performance.now() - startedAt) / 1000;
        say(`${made} of ${predictions} predictions readable, ${met} outcomes | ${Math.round(made / seconds)}/s`);
        if (made >= predictions) readable ??= (performance.now() - startedAt) / 1000;
        if (readable !== null && met >= predictions) return readable;
        if (made + met > seen) {
          seen = made + met;
          changedAt = performance.now();
        } else if (performance.now() - changedAt > patienceMs) {
          throw new Error(`only ${made} of ${predictions} predictions and ${met} outcomes became readable`);
        }
        await pause();
      }
    },
    rssMb: async () => {
      const text = await (await fetch(`${client.url}/metrics`, { headers: client.headers })).text();
      return Math.round(Number(/^process_resident_memory_bytes (\S+)/m.exec(text)?.[1] ?? 0) / 1e6);
    },
    end: () => {
      if (terminal) process.stderr.write("\r\x1b[2K");
    },
  };
};
