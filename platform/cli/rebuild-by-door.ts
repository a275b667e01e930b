import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import type { Settings } from "../../infra/config.ts";
import { type ErrorCode, errorTable, MillraceError } from "../../schemas/errors.ts";
import type { RebuildLine } from "../doors/projections.ts";
import type { RebuildProgress, RebuildResult } from "../rebuild/progress.ts";
import { platformUrl } from "./running.ts";

/** Asks the platform that runs on the data. An interrupt leaves it at work. */
export const rebuildByDoor = async (
  name: string,
  settings: Settings,
  onProgress: (progress: RebuildProgress) => void,
  signal: AbortSignal,
): Promise<RebuildResult> => {
  const url = `${platformUrl(settings)}/projections/${name}/rebuild`;
  const headers: Record<string, string> =
    settings.apiToken === "" ? {} : { authorization: `Bearer ${settings.apiToken}` };
  let answer: Response;
  try {
    answer = await fetch(url, { method: "POST", headers, signal });
  } catch (error) {
    const message = `a platform has ${settings.data} open but does not answer at ${url}; give its --host and --port`;
    throw new MillraceError("NOT_FOUND", message, { cause: error });
  }
  if (!answer.ok || answer.body === null) throw refused(await answer.text());
  for await (const text of createInterface({ input: Readable.fromWeb(answer.body as ReadableStream) })) {
    const line = JSON.parse(text) as RebuildLine;
    if (line.type === "progress") onProgress(line);
    else if (line.type === "done") return line;
    else throw new MillraceError(line.code, line.message);
  }
  throw new MillraceError("CLOSED", `the platform ended while it rebuilt ${name}; ask again when it is back`);
};

const refused = (text: string): MillraceError => {
  const { code, message } = JSON.parse(text) as { code: string; message: string };
  return new MillraceError(code in errorTable ? (code as ErrorCode) : "INTERNAL", message);
};
