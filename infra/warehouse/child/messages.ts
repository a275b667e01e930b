import type { ErrorCode } from "../../../schemas/errors.ts";
import type { LaneLimits, LaneName } from "./lane-limits.ts";
import type { Passwords } from "./users.ts";

/** What the child is told first; by the channel, for other users of the machine can read arguments. */
export type StartMessage = {
  type: "start";
  directory: string;
  host: string;
  port: number;
  passwords: Passwords;
  /** Besides the names of this machine for itself. */
  allowedHosts: readonly string[];
  limits: Partial<Record<LaneName, Partial<LaneLimits>>>;
};

export type FromChild = { type: "ready"; port: number } | { type: "failed"; code: ErrorCode; message: string };

export type ToChild = StartMessage | { type: "close" };
