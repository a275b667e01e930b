import type { FastifyRequest } from "fastify";
import type { CommandResult } from "../../../commands/bus.ts";
import { defaultExperiment } from "../../../commands/experiment/decider.ts";
import { type Actor, serviceActor } from "../../../commands/gate.ts";
import type { CommandType, PayloadInput } from "../../../commands/payloads.ts";
import { isMillraceError, MillraceError } from "../../../schemas/errors.ts";
import { actorOf } from "../../actor.ts";
import type { ServerDeps } from "../../deps.ts";
import { type ArtifactIndex, artifactIndex } from "./artifact-index.ts";
import { type TrackedStates, trackedStates } from "./states.ts";

/** What a call of MLflow's is answered with: the caller is known and may read the project, which is there. */
export type MlflowContext = {
  project: string;
  actor: Actor;
  deps: ServerDeps;
  /** Paths of the files of runs and logged models. */
  files: ArtifactIndex;
  states: TrackedStates;
  /** A command in this project, by this actor. Reads that follow see what it has written. */
  dispatch<Type extends CommandType>(type: Type, payload: PayloadInput<Type>): Promise<CommandResult>;
};

/** The project of paths that name none. */
const defaultProject = "default";

const platform = serviceActor("mlflow");

export type ContextOf = (request: FastifyRequest) => Promise<MlflowContext>;

/** Makes the contexts of requests. Errors: FORBIDDEN, NOT_FOUND for a project that is not there. */
export const mlflowContexts = (deps: ServerDeps): ContextOf => {
  const files = artifactIndex(deps.eventStore);
  const states = trackedStates(deps.eventStore);
  const opened = new Map<string, Promise<void>>();

  /** The default project and every project's default experiment are made when they are first needed. */
  const open = async (project: string): Promise<void> => {
    const { documents, commands } = deps;
    if ((await documents.get("experiments", project, defaultExperiment.id)) !== null) return;
    const send = (type: CommandType, payload: unknown): Promise<CommandResult> =>
      commands.dispatch({ type, payload, project, actor: platform });
    if (project === defaultProject && (await documents.get("projects", project, project)) === null) {
      await send("CreateProject", { id: project, name: "Default" } satisfies PayloadInput<"CreateProject">).catch(
        (error) => {
          if (!isMillraceError(error, "ALREADY_EXISTS")) throw error;
        },
      );
    }
    const { position } = await send("CreateExperiment", defaultExperiment);
    await documents.waitFor(position);
  };
  const opening = (project: string): Promise<void> => {
    const known = opened.get(project) ?? open(project);
    if (!opened.has(project)) {
      opened.set(project, known);
      known.catch(() => opened.delete(project));
    }
    return known;
  };

  return async (request) => {
    const actor = actorOf(request);
    const { project = defaultProject } = request.params as { project?: string };
    await deps.gate.authorize(actor, "query:mlflow", project);
    await opening(project);
    return {
      project,
      actor,
      deps,
      files,
      states,
      async dispatch(type, payload) {
        const correlationId = request.id;
        const result = await deps.commands.dispatch({ type, payload, project, actor, correlationId });
        await deps.documents.waitFor(result.position);
        return result;
      },
    };
  };
};

/** The experiment of an id, deleted or not. */
export const experimentOf = async ({ deps, project }: MlflowContext, id: string) => {
  const found = await deps.documents.get("experiments", project, id);
  if (found !== null) return found;
  throw new MillraceError("NOT_FOUND", `No Experiment with id=${id} exists`);
};

/** The run of an id, deleted or not. */
export const runOf = async ({ deps, project }: MlflowContext, id: string) => {
  const found = await deps.documents.get("runs", project, id);
  if (found !== null) return found;
  throw new MillraceError("NOT_FOUND", `Run with id=${id} not found`);
};
