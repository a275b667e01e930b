import { homedir, tmpdir } from "node:os";

/**
 * Takes paths of this machine out of the engine's messages: those below the warehouse's folder, the working folder
 * and the usual ones of a system. What follows a path up to a space, a quote or a bracket goes with it.
 */
export const pathRedactor = (...own: readonly string[]): ((message: string) => string) => {
  const roots = [
    ...own,
    process.cwd(),
    homedir(),
    tmpdir(),
    "/var/lib/",
    "/usr/share/",
    "/etc/clickhouse",
    "/proc/",
    "/dev/",
  ];
  const known = [...new Set(roots)].filter((root) => root.length > 1).sort((a, b) => b.length - a.length);
  const pattern = new RegExp(`(?:${known.map(escaped).join("|")})[^\\s'"\`(),;\\[\\]{}]*`, "g");
  return (message) => message.replace(pattern, "…");
};

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
