import type { Call } from "./call.ts";

export type Answer = { status: number; body: unknown };

/** What is different in the answers to a call, by the place in them: `status`, `body.run.info.run_name`. */
export type Difference = { what: string; at: string; mlflow: unknown; millrace: unknown };

const below = "/api/2.0/mlflow/";

/** One server and what its answers were kept by. */
export type Server = { url: string; kept: Map<string, string> };

const filled = (value: unknown, kept: ReadonlyMap<string, string>): unknown => {
  if (typeof value === "string") return value.replace(/\$(\w+)/g, (all, name: string) => kept.get(name) ?? all);
  if (Array.isArray(value)) return value.map((one) => filled(one, kept));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, filled(one, kept)]));
};

const at = (body: unknown, path: string): unknown =>
  path.split(".").reduce((value, key) => (value as Record<string, unknown> | undefined)?.[key], body);

const urlOf = ({ path, query = {} }: Call, { url, kept }: Server): string => {
  const place = path.startsWith("/") ? path : below + path;
  const asked = new URLSearchParams();
  for (const [key, values] of Object.entries(query)) {
    for (const value of [values].flat()) asked.append(key, filled(value, kept) as string);
  }
  return `${url}${filled(place, kept)}${asked.size === 0 ? "" : `?${asked}`}`;
};

const withinMs = 60_000;

/** Asks, keeps what is to be kept, and answers with what came, as JSON where it is some. */
export const ask = async (call: Call, server: Server): Promise<Answer> => {
  const { method, body, headers = {}, keep = {} } = call;
  const given = filled(body, server.kept);
  const sent = given === undefined || typeof given === "string" ? given : JSON.stringify(given);
  const response = await fetch(urlOf(call, server), {
    method,
    headers: { ...(method === "GET" ? {} : { "content-type": "application/json" }), ...headers },
    body: sent as string | undefined,
    signal: AbortSignal.timeout(withinMs),
  });
  const text = await response.text();
  let answer: unknown = text;
  try {
    answer = JSON.parse(text);
  } catch {
    // A file, or a page for people.
  }
  for (const [name, place] of Object.entries(keep)) {
    const value = at(answer, place);
    if (typeof value === "string") server.kept.set(name, value);
  }
  return { status: response.status, body: answer };
};

const hour = 3_600_000;

const versionOf = (of: unknown): string => (of as { version: string }).version;

/** Names instead of what each server makes up: ids, and the time of the call. */
const normalised = (value: unknown, names: ReadonlyMap<string, string>, key = ""): unknown => {
  if (typeof value === "number" || typeof value === "string") {
    if (/(time|timestamp)/.test(key) && Math.abs(Number(value) - Date.now()) < hour) return "<now>";
    if (typeof value === "number") return value;
    if (value.startsWith("[{")) return normalised(JSON.parse(value), names, key);
    if (key === "next_page_token") return "<token>";
    if (key === "experiment_id") return names.get(value) ?? value;
    let text = value;
    for (const [id, name] of names) if (id.length > 8) text = text.replaceAll(id, name);
    return text.replace(/(mlflow-artifacts:\/)(\d+)/, (_, start: string, id: string) => start + (names.get(id) ?? id));
  }
  if (Array.isArray(value)) {
    const all = value.map((one) => normalised(one, names, key));
    const sorts = all.every((one) => typeof one === "object" && one !== null && "key" in one);
    if (key === "latest_versions") return all.sort((a, b) => (versionOf(a) < versionOf(b) ? -1 : 1));
    return sorts ? all.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) : all;
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, normalised(one, names, name)]));
};

const differ = (place: string, mlflow: unknown, millrace: unknown): Omit<Difference, "what">[] => {
  const bothHold = [mlflow, millrace].every((one) => typeof one === "object" && one !== null);
  if (!bothHold || Array.isArray(mlflow) !== Array.isArray(millrace)) {
    return Object.is(mlflow, millrace) ? [] : [{ at: place, mlflow, millrace }];
  }
  const [a, b] = [mlflow as Record<string, unknown>, millrace as Record<string, unknown>];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) =>
    differ(`${place}.${key}`, Object.hasOwn(a, key) ? a[key] : undefined, Object.hasOwn(b, key) ? b[key] : undefined),
  );
};

const seen = ({ status, body }: Answer, { kept }: Server): Answer => {
  const names = new Map([...kept].map(([name, id]) => [id, `<${name}>`]));
  const isRefusal = typeof body === "object" && body !== null && "error_code" in body;
  // What is said is each server's own; what clients tell cases apart by is the code.
  if (isRefusal) return { status, body: { error_code: body.error_code } };
  return { status, body: typeof body === "string" && /^\s*</.test(body) ? "<a page>" : normalised(body, names) };
};

/** Makes a call to both and tells the differences. */
export const compare = async (call: Call, mlflow: Server, millrace: Server): Promise<Difference[]> => {
  const [theirs, ours] = [await ask(call, mlflow), await ask(call, millrace)];
  return differ("", seen(theirs, mlflow), seen(ours, millrace)).map((one) => ({
    ...one,
    what: call.what,
    at: one.at.slice(1),
  }));
};
