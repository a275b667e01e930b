import assert from "node:assert/strict";
import { test } from "node:test";
import { attackedPlatform } from "./platform.ts";
import { everyRoute } from "./routes.ts";

/** What a page can make its reader's browser send; `PORT` is the platform's own. */
const pages: [name: string, headers: Record<string, string>][] = [
  ["rebinding", { host: "evil.example" }],
  ["rebinding with the port", { host: "evil.example:PORT" }],
  ["rebinding, of its own origin", { host: "evil.example:PORT", origin: "http://evil.example:PORT" }],
  ["rebinding, as the browser sees it", { host: "evil.example:PORT", "sec-fetch-site": "same-origin" }],
  ["a name that begins like ours", { host: "127.0.0.1.evil.example:PORT" }],
  ["a name that ends like ours", { host: "evil-localhost:PORT" }],
  ["a name with a dot at its end", { host: "localhost.:PORT" }],
  ["another port", { host: "127.0.0.1:1" }],
  ["no port", { host: "localhost" }],
  ["another address", { host: "10.0.0.7:PORT" }],
  ["the address of all", { host: "0.0.0.0:PORT" }],
  ["two names", { host: "127.0.0.1:PORT, evil.example" }],
  ["a user in the name", { host: "127.0.0.1:PORT@evil.example" }],
  ["a forwarded name does not count", { host: "evil.example", "x-forwarded-host": "127.0.0.1:PORT" }],
  ["a foreign page", { origin: "https://evil.example" }],
  ["a foreign page of our port", { origin: "http://evil.example:PORT" }],
  ["a page without origin", { origin: "null" }],
  ["a page of another program here", { origin: "http://127.0.0.1:3000" }],
  ["a page of a file", { origin: "file://" }],
  ["an extension", { origin: "chrome-extension://abcdef" }],
  ["an origin with a path", { origin: "http://evil.example/http://127.0.0.1:PORT" }],
  ["an origin with a user", { origin: "http://127.0.0.1:PORT@evil.example" }],
  ["two origins", { origin: "http://127.0.0.1:PORT, http://evil.example" }],
  ["an image", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" }],
  [
    "a script of a neighbour",
    { "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "script" },
  ],
  ["a frame", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe" }],
  ["a form", { "sec-fetch-site": "cross-site", "content-type": "application/x-www-form-urlencoded" }],
];

test("pages and the names of a platform", async (t) => {
  const platform = await attackedPlatform(t);

  await t.test("what a page of another site can send reaches no route by any method", async () => {
    const { port } = new URL(platform.url);
    const routes = (await everyRoute(t)).filter(({ path }) => path !== "/health" && !path.startsWith("/health/"));
    for (const { method, path } of routes) {
      for (const [name, headers] of pages) {
        const own = Object.fromEntries(
          Object.entries(headers).map(([key, value]) => [key, value.replace("PORT", port)]),
        );
        const { status, code, body } = await platform.send({ method, path, headers: own });
        assert.ok(
          status === 403 && (method === "HEAD" || code !== null),
          `${name}: ${method} ${path}: ${status} ${body}`,
        );
      }
    }
  });

  await t.test("the names of this machine, and programs that are no browser, are answered", async () => {
    const { port } = new URL(platform.url);
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`]) {
      assert.equal((await platform.send({ path: "/topics", headers: { host } })).status, 200, host);
      const page = { host, origin: `http://${host}`, "sec-fetch-site": "same-origin" };
      assert.equal((await platform.send({ path: "/topics", headers: page })).status, 200, host);
    }
  });
});

test("a list of hosts lets in what it names, and nothing else; with a token any name may ask, but no page", async (t) => {
  const listed = await attackedPlatform(t, { ALLOWED_HOSTS: "millrace.example,10.0.0.7:4000" });
  const ask = async (platform: typeof listed, headers: Record<string, string>): Promise<number> =>
    (await platform.send({ path: "/topics", headers })).status;
  assert.equal(await ask(listed, { host: "millrace.example", origin: "https://millrace.example" }), 200);
  assert.equal(await ask(listed, { host: "millrace.example:8443" }), 200);
  assert.equal(await ask(listed, { host: "10.0.0.7:4000" }), 200);
  assert.equal(await ask(listed, { host: "10.0.0.7:4001" }), 403);
  assert.equal(await ask(listed, { host: "evil.example" }), 403);
  assert.equal(await ask(listed, { origin: "https://evil.example" }), 403);

  const token = "0123456789abcdef";
  const open = await attackedPlatform(t, { HOST: "0.0.0.0", API_TOKEN: token });
  const authorization = `Bearer ${token}`;
  assert.equal(await ask(open, { host: "millrace.svc.cluster.local:4000", authorization }), 200);
  assert.equal(await ask(open, { host: "millrace.svc.cluster.local:4000" }), 401);
  assert.equal(await ask(open, { host: "evil.example", origin: "http://evil.example", authorization }), 403);
});
