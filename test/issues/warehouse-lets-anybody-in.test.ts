import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { guestPassword } from "../../infra/warehouse/guest-password.ts";
import { openWarehouse } from "../support/warehouse.ts";

test("a page cannot ask the warehouse: not by its own name, not from its own origin, not by an image", async (t) => {
  const { engine, credentials } = await openWarehouse(t);
  const { port } = new URL(engine.address);
  const asked = (headers: Record<string, string>, path = "/?query=SELECT+1"): Promise<number> =>
    new Promise((resolve, reject) => {
      const sent = request(
        { host: "127.0.0.1", port, path, headers: { ...credentials("guest"), ...headers } },
        (answer) => {
          answer.resume();
          resolve(answer.statusCode ?? 0);
        },
      );
      sent.on("error", reject).end();
    });
  assert.equal(await asked({}), 200);
  assert.equal(await asked({ host: `localhost:${port}` }), 200);
  assert.equal(await asked({ host: `[::1]:${port}` }), 200);
  for (const headers of [
    { host: `evil.example:${port}` },
    { host: "evil.example" },
    { host: `127.0.0.1.evil.example:${port}` },
    { origin: "https://evil.example" },
    { origin: "null" },
    { origin: `http://evil.example:${port}`, host: `evil.example:${port}` },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" },
  ] as Record<string, string>[]) {
    assert.equal(await asked(headers), 403, JSON.stringify(headers));
    assert.equal(await asked(headers, "/ping"), 403, JSON.stringify(headers));
  }
});

test("nobody is let in without a password, by whichever way it is given, and no body is read before", async (t) => {
  const { engine } = await openWarehouse(t);
  const { address } = engine;
  const wrong = Buffer.from("default:wrong").toString("base64");
  for (const [search, headers] of [
    ["", {}],
    ["user=default", {}],
    ["user=default&password=", {}],
    ["user=default&password=wrong", {}],
    ["user=millrace&password=", {}],
    ["user=millrace&password=guests+of+the+tests", {}],
    ["user=root&password=guests+of+the+tests", {}],
    ["", { Authorization: `Basic ${wrong}` }],
    ["", { "X-ClickHouse-User": "default", "X-ClickHouse-Key": "" }],
  ] as [string, Record<string, string>][]) {
    for (const method of ["GET", "POST"]) {
      const response = await fetch(`${address}/?query=SELECT+1&${search}`, { method, headers });
      assert.deepEqual([response.status, response.headers.get("x-clickhouse-exception-code")], [403, "516"], search);
    }
  }
  const sent = request(`${address}/?query=INSERT+INTO+t+FORMAT+CSV`, { method: "POST" });
  sent.write("1\n");
  const status = await new Promise((resolve) => sent.once("response", (response) => resolve(response.statusCode)));
  sent.destroy();
  assert.equal(status, 403, "though the body has not ended");
});

test("the password is 256 random bits in a file that its owner alone may read, the same at every start", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-password-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "data", "warehouse-password");
  const password = guestPassword(file);
  assert.match(password, /^[\w-]{43}$/);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(guestPassword(file), password);
  const open = join(folder, "open");
  writeFileSync(open, "\n", { mode: 0o644 });
  assert.match(guestPassword(open), /^[\w-]{43}$/, "an empty one is no password");
  assert.equal(statSync(open).mode & 0o777, 0o600);
  assert.equal(guestPassword(open), readFileSync(open, "utf8").trim());
});

test("no argument of a process holds a password", {
  skip: process.platform === "linux" ? false : "reads /proc",
}, async (t) => {
  const { engine, credentials } = await openWarehouse(t);
  const shown = readFileSync(`/proc/${engine.pid}/cmdline`, "utf8");
  for (const as of ["guest", "platform"] as const) {
    assert.ok(!shown.includes(credentials(as)["X-ClickHouse-Key"]));
  }
});
