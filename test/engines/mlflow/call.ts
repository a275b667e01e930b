/** One call of MLflow's REST interface, made to two servers. `$name` in any text stands for what an earlier one kept. */
export type Call = {
  /** Unique: differences name it. */
  what: string;
  method: string;
  /** From the root of the server, or below `/api/2.0/mlflow/` where it has no slash at its beginning. */
  path: string;
  query?: Readonly<Record<string, string | readonly string[]>>;
  /** JSON, or the text itself, or bytes. */
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  /** Names for what the answer holds, by its path there, as `run.info.run_id`. */
  keep?: Readonly<Record<string, string>>;
};

type More = Pick<Call, "keep" | "headers">;

export const post = (what: string, path: string, body: unknown, more: More = {}): Call => ({
  ...{ what, method: "POST", path, body, ...more },
});
export const patch = (what: string, path: string, body: unknown): Call => ({ what, method: "PATCH", path, body });
export const remove = (what: string, path: string, body?: unknown): Call => ({ what, method: "DELETE", path, body });
export const get = (what: string, path: string, query: Call["query"] = {}, more: More = {}): Call => ({
  ...{ what, method: "GET", path, query, ...more },
});
export const put = (what: string, path: string, body: string): Call => ({ what, method: "PUT", path, body });
