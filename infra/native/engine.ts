import type { Tool } from "./tools.ts";

/** A service that tests can run against, started on this machine without docker. */
export type Engine = {
  name: string;
  /** What it is, in a few words, for `--help`. */
  summary: string;
  needs: readonly Tool[];
  /** Downloads what it runs from, after `announce`; later calls find it in the cache. */
  fetch(announce: () => void): Promise<void>;
  /** Makes its data in an empty `folder` and chooses its ports. */
  prepare(folder: string): Promise<Launch>;
  /** Talks to it as a client does. Rejects while it is not ready yet. */
  probe(launch: Launch): Promise<void>;
};

/** How to start the process: with the same launch it comes up again on the same ports with the same data. */
export type Launch = {
  argv: readonly [string, ...string[]];
  folder: string;
  /** The user to run as, where root may not. */
  as?: { uid: number; gid: number };
  /** What clients must know, by the name of the environment variable. */
  variables: Readonly<Record<string, string>>;
};
