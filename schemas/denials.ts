import type { Role } from "./lifecycle/project.ts";

/**
 * A refusal of the gate, as a fact. Refusals are not an aggregate: nothing is decided from them, and only the audit
 * reads them. One event stands for all refusals of an actor's action within about a minute.
 */
export type AccessDenied = {
  action: string;
  /** The least role that may; null where only a platform administrator may. */
  neededRole: Role | null;
  count: number;
  /** Of the first and the last of them, UTC milliseconds. */
  from: number;
  to: number;
  /** The project that was named, where there is none of that name. */
  asked: string | null;
};

export const accessDenied = "AccessDenied";

/** Stands for the platform where no project is concerned; no project can be named so. */
export const platformProject = "*";

const prefix = "denial-";

/** Where the refusals of an actor in a project lie. */
export const denialStream = (project: string, actor: string): string =>
  `${prefix}${project}/${encodeURIComponent(actor).slice(0, 200)}`;

/** Start of the names of a project's denial streams; of every project's without one. */
export const denialPrefix = (project?: string): string => (project === undefined ? prefix : `${prefix}${project}/`);

/** The project of a stream of denials; null for another stream. */
export const projectOfDenials = (stream: string): string | null => {
  const slash = stream.indexOf("/");
  return slash > 0 && stream.startsWith(prefix) ? stream.slice(prefix.length, slash) : null;
};
