import { Agent, request } from "node:http";

/** MLflow's REST interface of any server, as its client uses it. */
export type TrackingServer = {
  /** Null where the server does not answer MLflow's calls. */
  createRun(): Promise<string | null>;
  logBatch(run: string, metrics: readonly object[]): Promise<void>;
  logMetric(run: string, metric: object): Promise<void>;
  close(): void;
};

export const trackingServer = (url: string, connections: number): TrackingServer => {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const post = (call: string, body: object): Promise<{ status: number; text: string }> =>
    new Promise((resolve, reject) => {
      const bytes = Buffer.from(JSON.stringify(body));
      const headers = { "content-type": "application/json", "content-length": bytes.length };
      const sent = request(`${url}/api/2.0/mlflow/${call}`, { method: "POST", agent, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
      });
      sent.on("error", reject);
      sent.end(bytes);
    });
  const must = async (call: string, body: object): Promise<void> => {
    const { status, text } = await post(call, body);
    if (status !== 200) throw new Error(`${call} was answered ${status}: ${text.slice(0, 200)}`);
  };
  return {
    async createRun() {
      const { status, text } = await post("runs/create", { experiment_id: "0", start_time: 1 });
      return status === 200 ? (JSON.parse(text) as { run: { info: { run_id: string } } }).run.info.run_id : null;
    },
    logBatch: (run_id, metrics) => must("runs/log-batch", { run_id, metrics, params: [], tags: [] }),
    logMetric: (run_id, metric) => must("runs/log-metric", { run_id, ...metric }),
    close: () => agent.destroy(),
  };
};
