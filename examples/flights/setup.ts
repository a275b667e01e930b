import type { Client } from "./client.ts";
import { columns, endpoint, monitor, outcome, project, sources, trainingSpec, views } from "./definitions.ts";
import type { Progress } from "./progress.ts";

/** Runs one command; its input type is named after it. */
export const command = async (client: Client, name: string, input: unknown): Promise<string> => {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
  const [declared, passed] = name === "createProject" ? ["", ""] : ["$project: String!, ", "project: $project, "];
  const text = `mutation (${declared}$input: ${type}!) { ${name}(${passed}input: $input) { position } }`;
  const answer = await client.query<Record<string, { position: string }>>(text, { project, input });
  return answer[name].position;
};

/** Project, sources, views and models. */
export const declare = async (client: Client): Promise<void> => {
  await command(client, "createProject", {
    id: project,
    name: "Flights of 2001",
    description: "Will a departing flight be more than 15 minutes late?",
  });
  for (const source of sources) await command(client, "createEventSource", source);
  for (const view of views) await command(client, "createFeatureView", view);
  await command(client, "registerModel", { id: "delays", description: "Knows what the streams know" });
  await command(client, "registerModel", { id: "delays-plain", description: "Knows only the departure itself" });
};

export type Trained = { model: string; version: number; metrics: Record<string, number> };

type Job = {
  trainingJob: {
    status: string;
    progress: { phase: string; done: number; total: number; message: string };
    result: { version: number; rows: number; metrics: Record<string, number> } | null;
    error: { code: string; message: string } | null;
  };
};

const jobQuery = `query ($project: String!, $id: String!, $position: String) {
  trainingJob(project: $project, id: $id, afterPosition: $position) {
    status progress { phase done total message } result { version rows metrics } error { code message }
  }
}`;

/** Trains one version and waits for it. */
export const train = async (
  client: Client,
  progress: Progress,
  model: string,
  kind: "plain" | "streaming",
  from: number,
  to: number,
  evaluation: { from: number; to: number } | null = null,
): Promise<Trained> => {
  const id = `train-${model}`;
  const position = await command(client, "submitTrainingJob", {
    id,
    spec: { ...trainingSpec(model, kind, from, to), evaluation },
  });
  for (;;) {
    const { trainingJob: job } = await client.query<Job>(jobQuery, { project, id, position });
    if (job.result !== null) return { model, version: job.result.version, metrics: job.result.metrics };
    if (job.error !== null) throw new Error(`training ${model}: ${job.error.code}: ${job.error.message}`);
    const { phase, done, total } = job.progress;
    progress.say(
      `training ${model}: ${job.status} ${phase} ${total > 0 ? `${Math.round((100 * done) / total)} %` : ""}`,
    );
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
};

/** Approves the version, makes it the champion of an endpoint and watches its inputs. */
export const deploy = async (client: Client, { model, version }: Trained, progress: Progress): Promise<void> => {
  progress.say(`deploying ${model} version ${version}`);
  await command(client, "approveModelVersion", { model, version, comment: "the example approves what it has trained" });
  await command(client, "setModelAlias", { model, alias: "production", version });
  await command(client, "createDeployment", {
    id: endpoint,
    trigger: "departures",
    columns: columns.streaming,
    split: [{ model, version, variant: "champion", share: 1 }],
    outcome,
  });
  await command(client, "createMonitor", monitor);
};
