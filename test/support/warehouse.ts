import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import {
  type EmbeddedWarehouse,
  type EmbeddedWarehouseOptions,
  startEmbeddedWarehouse,
} from "../../infra/warehouse/embedded.ts";

export type Answer = { status: number; text: string; headers: Headers };
export type AskOptions = { search?: string; as?: "guest" | "platform"; signal?: AbortSignal; get?: boolean };

export type OpenedWarehouse = {
  folder: string;
  engine: EmbeddedWarehouse;
  ask(sql: string, options?: AskOptions): Promise<Answer>;
  /** Headers of a client's credentials. */
  credentials(as: "guest" | "platform"): Record<string, string>;
};

const guestPassword = "guests of the tests";

/** An embedded warehouse in a folder of its own, as long as its test. */
export const openWarehouse = async (
  t: Pick<TestContext, "after">,
  options: Partial<EmbeddedWarehouseOptions> = {},
): Promise<OpenedWarehouse> => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-guests-"));
  const engine = await startEmbeddedWarehouse({ directory: join(folder, "warehouse"), guestPassword, ...options });
  t.after(async () => {
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const credentials = (as: "guest" | "platform"): Record<string, string> => {
    const own = new URL(engine.url);
    return as === "guest"
      ? { "X-ClickHouse-User": "default", "X-ClickHouse-Key": guestPassword }
      : { "X-ClickHouse-User": own.username, "X-ClickHouse-Key": own.password };
  };
  return {
    folder,
    engine,
    credentials,
    ask: async (sql, { search = "", as = "guest", signal, get = false } = {}) => {
      const url = get
        ? `${engine.address}/?query=${encodeURIComponent(sql)}&${search}`
        : `${engine.address}/?${search}`;
      const response = await fetch(url, {
        method: get ? "GET" : "POST",
        ...(get ? {} : { body: sql }),
        headers: credentials(as),
        signal,
      });
      return { status: response.status, text: await response.text(), headers: response.headers };
    },
  };
};

/** Waits until something holds; fails when it does not within the time. */
export const eventually = async (
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = 20_000,
): Promise<void> => {
  for (const until = Date.now() + withinMs; ; ) {
    if (await holds()) return;
    if (Date.now() > until) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
