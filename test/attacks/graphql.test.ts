import assert from "node:assert/strict";
import { test } from "node:test";
import { getIntrospectionQuery, parse } from "graphql";
import { type AttackedPlatform, attackedPlatform } from "./platform.ts";

const json = { "content-type": "application/json" };
const repeat = (count: number, text: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => text(i)).join(" ");
const nested = (levels: number, open: string, close = "}"): string => open.repeat(levels) + close.repeat(levels);
const whole = getIntrospectionQuery();
const typesOf = (selection: string): string => `__schema { types { ${selection} } }`;
const ofTypes = (levels: number): string => `${"ofType { ".repeat(levels)}name${" }".repeat(levels)}`;

type Body = { query?: unknown; variables?: unknown; operationName?: unknown };

/** Documents and variables that cost more than a stranger may ask for, or that are none. */
const requests: [name: string, body: Body | unknown[] | string, code?: string][] = [
  ["3,000 selections in each other", { query: nested(3000, "{a") }, "QUERY_TOO_DEEP"],
  ["3,000 fragments in each other", { query: `{node(id:"x"){${nested(3000, "...on Model{")}}}` }, "QUERY_TOO_DEEP"],
  ["3,000 lists as an argument", { query: `{model(project:${nested(3000, "[", "]")}){slug}}` }, "QUERY_TOO_DEEP"],
  ["3,000 objects as an argument", { query: `{model(project:${nested(3000, "{a:")}){slug}}` }, "QUERY_TOO_DEEP"],
  ["3,000 lists as a type", { query: `query($a:${nested(3000, "[", "]")}){__typename}` }, "QUERY_TOO_DEEP"],
  ["3,000 brackets behind a string", { query: `{a(b:"]]]\\"") ${nested(3000, "{a")}}` }, "QUERY_TOO_DEEP"],
  ["3,000 brackets behind a block string", { query: `{a(b:"""]"]\\"""]""") ${nested(3000, "{a")}}` }, "QUERY_TOO_DEEP"],
  ["3,000 brackets behind a comment", { query: `# }}}"\n${nested(3000, "{a")}` }, "QUERY_TOO_DEEP"],
  ["13 fields in each other", { query: `{${"node(id:1){...on Model{project{".repeat(1)}${nested(12, "a{")}}}}}` }],
  ["a document that is too long", { query: `{__typename${" ".repeat(200_000)}}` }, "BAD_REQUEST"],
  ["a comment that is too long", { query: `#${"x".repeat(200_000)}\n{__typename}` }, "BAD_REQUEST"],
  ["a string that is too long", { query: `{model(project:"${"x".repeat(200_000)}"){slug}}` }, "BAD_REQUEST"],
  ["3,000 aliases", { query: `{${repeat(3000, (i) => `a${i}:__typename`)}}` }, "QUERY_TOO_COSTLY"],
  ["2,000 aliases of a list", { query: `{${repeat(500, (i) => `a${i}:models(project:"p",first:1000){total}`)}}` }],
  [
    "one name for 3,000 fields",
    { query: `{${repeat(900, (i) => `a:model(project:"p",id:"${i}"){slug}`)}}` },
    "BAD_REQUEST",
  ],
  ["a circle of fragments", { query: "{...A} fragment A on Query{...B} fragment B on Query{...A}" }, "BAD_REQUEST"],
  ["a fragment in itself", { query: "{...A} fragment A on Query{a:__typename ...A}" }, "BAD_REQUEST"],
  [
    "fragments that double 30 times",
    {
      query: `{...F0} ${repeat(30, (i) => `fragment F${i} on Query{a:projects{edges{node{models{total}}}} ...F${i + 1} ...F${i + 1}}`)} fragment F30 on Query{__typename}`,
    },
  ],
  [
    "fragments that double in fields",
    {
      query: `{node(id:"x"){...F0}} ${repeat(11, (i) => `fragment F${i} on Model{a${i}:project{models{edges{node{...F${i + 1}}}}} b${i}:project{models{edges{node{...F${i + 1}}}}}}`)} fragment F11 on Model{slug}`,
    },
  ],
  [
    "a fragment with a thousand fields in 400 places",
    {
      query: `{${repeat(200, (i) => `a${i}:model(project:"p",id:"x"){...F}`)}} fragment F on Model{${repeat(1000, (i) => `s${i}:slug`)}}`,
    },
    "QUERY_TOO_COSTLY",
  ],
  [
    "a thousand rows of a thousand fields",
    {
      query: `{models(project:"p",first:1000){edges{node{${repeat(1000, (i) => `s${i}:slug`)}}}}}`,
    },
    "QUERY_TOO_COSTLY",
  ],
  [
    "a page as the default of a variable",
    {
      query: 'query($n:Int=1000){models(project:"p",first:$n){edges{node{versions(first:$n){edges{node{slug}}}}}}}',
    },
  ],
  [
    "the schema 13 times",
    {
      query: `{${repeat(13, (i) => `s${i}:${typesOf("name description fields(includeDeprecated:true){name description args{name description type{name ofType{name}}} type{name ofType{name ofType{name}}}}")}`)}}`,
    },
    "QUERY_TOO_COSTLY",
  ],
  [
    "26 KB of introspection",
    { query: `{${typesOf(`fields{args{${repeat(2600, (i) => `a${i}:name`)}}}`)}}` },
    "QUERY_TOO_COSTLY",
  ],
  [
    "26 KB of __type",
    { query: `{${repeat(300, (i) => `t${i}:__type(name:"Mutation"){fields{name args{name type{name}}}}`)}}` },
    "QUERY_TOO_COSTLY",
  ],
  ["types of fields of types of fields", { query: `{${typesOf("fields{type{fields{type{fields{name}}}}}")}}` }],
  [
    "possible types of interfaces of possible types",
    { query: `{__type(name:"Node"){possibleTypes{interfaces{possibleTypes{interfaces{possibleTypes{name}}}}}}}` },
  ],
  ["ofType 60 times", { query: `{__type(name:"Query"){${ofTypes(60)}}}` }, "QUERY_TOO_DEEP"],
  ["ofType 25 times", { query: `{__type(name:"Query"){${ofTypes(25)}}}` }, "QUERY_TOO_DEEP"],
  [
    "a list of 200,000 names as variable",
    {
      query: 'query($k:[String!]!){onlineFeatures(project:"p",view:"v",entities:$k){vectors{at}}}',
      variables: { k: Array.from({ length: 90_000 }, () => "x") },
    },
  ],
  [
    "a list of numbers for names",
    {
      query: 'query($k:[String!]!){onlineFeatures(project:"p",view:"v",entities:$k){vectors{at}}}',
      variables: { k: Array.from({ length: 90_000 }, () => 1) },
    },
    "BAD_REQUEST",
  ],
  [
    "3,000 lists as variable",
    `{"query":"query($k:[String!]!){onlineFeatures(project:\\"p\\",view:\\"v\\",entities:$k){vectors{at}}}","variables":{"k":${nested(3000, "[", "]")}}}`,
    "BAD_REQUEST",
  ],
  [
    "3,000 objects as variable",
    `{"query":"mutation($i:RegisterModelInput!){registerModel(project:\\"p\\",input:$i){position}}","variables":{"i":${nested(3000, '{"a":', "}").replace("}", "1}")}}}`,
    "BAD_REQUEST",
  ],
  ["a prototype as variable", '{"query":"{__typename}","variables":{"__proto__":{"admin":true}}}', "BAD_REQUEST"],
  ["a tree instead of a text", { query: parse("{__typename}") }, "BAD_REQUEST"],
  ["a tree as text", { query: JSON.stringify(parse("{__typename}")) }, "BAD_REQUEST"],
  ["a deep tree as text", { query: `{"kind":"Document","definitions":${nested(40, "[", "]")}}` }, "BAD_REQUEST"],
  ["an empty object as text", { query: "{}" }, "BAD_REQUEST"],
  ["null as text", { query: "null" }, "BAD_REQUEST"],
  ["a number as text", { query: "12" }, "BAD_REQUEST"],
  ["a text as text", { query: '"x"' }, "BAD_REQUEST"],
  ["no text", { query: "" }, "BAD_REQUEST"],
  ["only fragments", { query: "fragment A on Query{__typename}" }, "BAD_REQUEST"],
  ["a definition of types", { query: "type Query{a:Int} extend type Query{b:Int}" }, "BAD_REQUEST"],
  ["an operation that is not there", { query: "query A{__typename}", operationName: "B" }, "BAD_REQUEST"],
  ["two operations without a name", { query: "query A{__typename} query B{__typename}" }, "BAD_REQUEST"],
  ["a subscription", { query: 'subscription{alerts(project:"p"){slug}}' }, "BAD_REQUEST"],
  [
    "a subscription among others",
    { query: 'query A{__typename} subscription B{alerts(project:"p"){slug}}', operationName: "B" },
    "BAD_REQUEST",
  ],
  ["a batch", [{ query: "{__typename}" }, { query: "{__typename}" }], "BAD_REQUEST"],
  ["an operation name that is too long", { query: "{__typename}", operationName: "x".repeat(500_000) }, "BAD_REQUEST"],
  ["9,000 directives", { query: `{__typename ${"@skip(if:false)".repeat(1500)}}` }, "BAD_REQUEST"],
  ["2,000 variables of no type", { query: `query(${repeat(2000, (i) => `$a${i}:T${i}`)}){__typename}` }, "BAD_REQUEST"],
  [
    "a number beyond all numbers",
    { query: 'query($n:Int){models(project:"p",first:$n){total}}', variables: { n: 1e300 } },
  ],
];

const bodyOf = (body: unknown): string => (typeof body === "string" ? body : JSON.stringify(body));

/** The same again: the second time a document is known, and compiled. */
const twice = async (platform: AttackedPlatform, name: string, body: string, code?: string): Promise<void> => {
  for (const time of ["first", "second", "third"]) {
    const asked = { method: "POST", path: "/graphql", headers: json, body };
    const answer = await platform.probe(`${name}, ${time}`, asked, {
      status: code === undefined ? [200, 400] : [400],
      code: code === undefined ? undefined : [code],
    });
    assert.ok(answer.body.length < 100_000, `${name}: ${answer.body.length} bytes`);
  }
};

test("GraphQL of a platform", async (t) => {
  const platform = await attackedPlatform(t);

  await t.test("no document and no variables hold the platform up, or fail it", async () => {
    const before = platform.rss();
    for (const [name, body, code] of requests) await twice(platform, name, bodyOf(body), code);
    assert.ok(platform.rss() - before < 400, `${Math.round(platform.rss() - before)} MB more`);
  });

  await t.test("what is asked by GET is bounded as well", async () => {
    const headers = { "mercurius-require-preflight": "1" };
    const get = (parameters: Record<string, string>) => ({
      path: `/graphql?${new URLSearchParams(parameters)}`,
      headers,
    });
    const query = "query($i:String){model(project:$i,id:$i){slug}}";
    const attacks: [name: string, parameters: Record<string, string>][] = [
      ["no query", {}],
      ["an operation that is not there", { query: "query A{__typename}", operationName: "B" }],
      ["a mutation", { query: 'mutation{createProject(input:{id:"x",name:"x"}){position}}' }],
      ["a subscription", { query: 'subscription{alerts(project:"p"){slug}}' }],
      ["only fragments", { query: "fragment A on Query{__typename}" }],
      ["deep variables", { query, variables: "[".repeat(2000) + "]".repeat(2000) }],
      ["variables that are no JSON", { query, variables: "{" }],
      ["a prototype", { query, variables: '{"__proto__":{}}' }],
      ["3,000 selections", { query: nested(3000, "{a") }],
      ["a tree as text", { query: JSON.stringify(parse("{__typename}", { noLocation: true })) }],
    ];
    for (const [name, parameters] of attacks) await platform.probe(name, get(parameters), { status: [400, 405] });
    const simple = { path: "/graphql?query={__typename}" };
    await platform.probe("a request that a page can send", simple, { status: [400] });
  });

  await t.test("what tools ask for is answered", async () => {
    const ask = (query: string) =>
      platform.send({ method: "POST", path: "/graphql", headers: json, body: bodyOf({ query }) });
    for (let time = 0; time < 3; time++) {
      const { status, body } = await platform.meanwhile("the whole schema", () => ask(whole));
      assert.equal(status, 200, body.slice(0, 300));
      assert.ok(body.includes('"__schema"'));
    }
    const { body } = await ask('{__type(name:"Mutation"){fields{name args{name type{name kind ofType{name kind}}}}}}');
    assert.ok(body.includes("registerModel"), body.slice(0, 300));
  });
});
