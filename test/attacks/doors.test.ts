import assert from "node:assert/strict";
import { test } from "node:test";
import { type Attack, attackedPlatform, isKnown } from "./platform.ts";
import { everyRoute } from "./routes.ts";

const json = { "content-type": "application/json" };
const deep = (levels: number): string => `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;

/** Bodies that no door has asked for. */
const bodies: [name: string, attack: Pick<Attack, "headers" | "body">][] = [
  ["no body", { headers: json }],
  ["no content type", { body: "{}" }],
  ["another content type", { headers: { "content-type": "text/weird" }, body: "{}" }],
  ["a broken content type", { headers: { "content-type": ";;;" }, body: "{}" }],
  ["half of JSON", { headers: json, body: '{"records":[' }],
  ["null", { headers: json, body: "null" }],
  ["a number", { headers: json, body: "1e999" }],
  ["a list", { headers: json, body: "[[]]" }],
  [
    "members of other types",
    {
      headers: json,
      body: '{"query":1,"records":{},"schema":[],"name":{},"run_id":[1],"compatibility":{},"experiment_id":1e400,"metrics":"x","key":null}',
    },
  ],
  ["members that are null", { headers: json, body: '{"query":null,"records":[null],"schema":null,"name":null}' }],
  ["a prototype", { headers: json, body: '{"__proto__":{"admin":true},"query":"{__typename}","records":[{}]}' }],
  ["a prototype in escapes", { headers: json, body: '{"\\u005f_proto__":{"admin":true},"name":"x"}' }],
  ["3,000 levels", { headers: json, body: deep(3000) }],
  ["3,000 lists", { headers: json, body: `{"records":${"[".repeat(3000)}${"]".repeat(3000)}}` }],
  ["bytes that are no text", { headers: json, body: Buffer.from([0xff, 0xfe, 0x00, 0x80]) }],
];

const addresses: [name: string, path: string][] = [
  ["a broken percent-encoding", "/topics/%zz"],
  ["half a percent-encoding", "/artifacts/%"],
  ["an encoding that is no UTF-8", "/topics/%ff%fe"],
  ["a parameter that is too long", `/topics/${"x".repeat(300)}`],
  ["an address that is too long", `/topics/${"x".repeat(20_000)}`],
  ["a way out of the folder", "/artifacts/..%2f..%2fetc%2fpasswd"],
  ["a nul", "/topics/a%00b"],
  ["double slashes", "//evil.example/topics"],
];

const mega = 1_048_576;

/** What parsing alone would take seconds and gigabytes for. */
const bombs: [name: string, body: string][] = [
  ["lists in lists", "[".repeat(31 * mega)],
  ["lists in lists that end", "[".repeat(15 * mega) + "]".repeat(15 * mega)],
  ["objects in objects", `${'{"a":'.repeat(5 * mega)}1${"}".repeat(5 * mega)}`],
  ["ten million objects", `{"records":[${"{},".repeat(10 * mega)}{}]}`],
  ["fifteen million numbers", `{"records":[${"1,".repeat(15 * mega)}1]}`],
  ["a million members", `{${Array.from({ length: mega }, (_, i) => `"key-of-${i}":1`).join(",")}}`],
  ["more than a body may have", " ".repeat(33 * mega)],
];

test("the doors of a platform", async (t) => {
  const platform = await attackedPlatform(t);

  await t.test("every route answers every wrong body with a code, and goes on answering", async () => {
    const routes = (await everyRoute(t)).filter(({ method }) => method !== "GET" && method !== "HEAD");
    assert.ok(routes.length > 30, `${routes.length} routes`);
    for (const { method, path } of routes) {
      await platform.meanwhile(`${method} ${path}`, async () => {
        for (const [name, attack] of bodies) {
          const { status, code, body } = await platform.send({ method, path, ...attack });
          const told = `${method} ${path}, ${name}: ${status} ${body.slice(0, 200)}`;
          assert.ok(status < 500, told);
          assert.ok(status < 400 || code !== null, told);
        }
      });
    }
  });

  await t.test("every route answers strange parameters with a code", async () => {
    const queries = [
      "?offset=-1&count=1e9&project=%00&digest=x&format=exe&path=..%2f..%2fetc&max_results=9999999999&page_token=%7B",
      `?project=${"x".repeat(8_000)}`,
      "?a[__proto__][admin]=1&__proto__=x&constructor=y&project=a&project=b",
      "?%=%&%zz=%ff",
    ];
    // Whether it is ready is not what is asked here.
    for (const { method, path } of (await everyRoute(t)).filter((each) => each.path !== "/health/ready")) {
      for (const query of queries) {
        const answer = await platform.send({ method, path: path + query, headers: json });
        const told = `${method} ${path}${query.slice(0, 60)}: ${answer.status} ${answer.body.slice(0, 200)}`;
        assert.ok(answer.status < 500, told);
        assert.ok(answer.status < 400 || method === "HEAD" || answer.code !== null, told);
      }
    }
  });

  await t.test("addresses that are none are refused with a code", async () => {
    for (const [name, path] of addresses) {
      const { code } = await platform.probe(name, { path });
      assert.ok(isKnown(code), `${name}: ${code}`);
    }
    await platform.probe("a header that is too long", { path: "/topics", headers: { "x-long": "x".repeat(20_000) } });
  });

  await t.test("large bodies that hold everybody up are refused before they are parsed", async () => {
    await platform.client.query('mutation { createProject(input: { id: "shop", name: "Shop" }) { position } }');
    const before = platform.rss();
    for (const [name, body] of bombs) {
      const path = "/projects/shop/api/2.0/mlflow/runs/log-inputs";
      for (const each of ["/topics/shop.orders", path]) {
        const { code } = await platform.probe(`${name} to ${each}`, {
          method: "POST",
          path: each,
          headers: json,
          body,
        });
        assert.notEqual(code, null);
      }
    }
    assert.ok(platform.rss() - before < 600, `${Math.round(platform.rss() - before)} MB more`);
  });
});
