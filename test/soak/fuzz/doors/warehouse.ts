import type { Door, Material } from "../door.ts";
import { mutateBytes, mutateText } from "../mutate.ts";
import { below, chance, nastyNumber, nastyText, pick, type Random, randomBytes, times, urlPart } from "../random.ts";
import { type HttpStep, http } from "../shot.ts";

/** A random expression of ClickHouse's; the columns are those of `predictions`. */
const expression = (random: Random, depth = 3): string => {
  const kind = below(random, depth > 0 ? 9 : 3);
  const inner = (): string => expression(random, depth - 1);
  if (kind === 0) return String(nastyNumber(random));
  if (kind === 1) return `'${nastyText(random).replace(/['\\]/g, "")}'`;
  if (kind === 2)
    return pick(random, ["entity", "output", "version", "features", "event_time", "id", "NULL", "*", "nothing"]);
  if (kind === 3)
    return `(${inner()} ${pick(random, ["+", "-", "*", "/", "%", "=", "<", "AND", "OR", "LIKE", "IN", "||"])} ${inner()})`;
  if (kind === 4) {
    const name = pick(random, [
      "length",
      "toString",
      "toInt64",
      "sum",
      "count",
      "avg",
      "max",
      "quantile",
      "arrayMap",
      "if",
      "range",
      "repeat",
      "cityHash64",
      "toDateTime64",
      "JSONExtract",
      "nonsense",
      "arrayJoin",
      "groupArray",
    ]);
    return `${name}(${times(random, 3, inner).join(", ")})`;
  }
  if (kind === 5) return `[${times(random, 3, inner).join(", ")}]`;
  if (kind === 6) return `CASE WHEN ${inner()} THEN ${inner()} ELSE ${inner()} END`;
  if (kind === 7)
    return `CAST(${inner()} AS ${pick(random, ["String", "Int8", "Nullable(Float64)", "Array(String)", "DateTime", "Nonsense"])})`;
  return `(${select(random, depth - 1)})`;
};

const from = (random: Random, depth: number): string =>
  pick(random, [
    () => "predictions",
    () => "predictions FINAL",
    () => `numbers(${pick(random, ["10", "1000", "100000000"])})`,
    () => "system.one",
    () =>
      `predictions AS a ${pick(random, ["INNER", "LEFT", "ANY LEFT", "CROSS", "ASOF"])} JOIN outcomes AS b ON a.id = b.prediction_id`,
    () => (depth > 0 ? `(${select(random, depth - 1)})` : "documents"),
    () => nastyText(random),
  ])();

const select = (random: Random, depth = 2): string => {
  const columns = [expression(random, depth), ...times(random, 2, () => expression(random, depth))].join(", ");
  const parts = [`SELECT ${columns} FROM ${from(random, depth)}`];
  if (chance(random, 0.4)) parts.push(`WHERE ${expression(random, depth)}`);
  if (chance(random, 0.3)) parts.push(`GROUP BY ${expression(random, 1)}`);
  if (chance(random, 0.3)) parts.push(`ORDER BY ${expression(random, 1)}`);
  parts.push(`LIMIT ${pick(random, ["1", "10", "1000"])}`);
  return parts.join(" ");
};

/** What a stranger must not get from it, whatever the password. */
const reaches = ({ canary }: Material): string[] => [
  `SELECT * FROM file('${canary.file}', 'LineAsString', 'l String')`,
  `SELECT hex(file('${canary.file}'))`,
  `INSERT INTO FUNCTION file('${canary.write}', 'LineAsString', 'l String') SELECT 'written'`,
  `SELECT 1 INTO OUTFILE '${canary.write}'`,
  `SELECT * FROM url('${canary.url}', 'LineAsString', 'l String')`,
  `SELECT * FROM sqlite('${canary.file}', 't')`,
  `CREATE TABLE fuzz_file (l String) ENGINE = File(LineAsString, '${canary.file}')`,
  `CREATE TABLE fuzz_url (l String) ENGINE = URL('${canary.url}', LineAsString)`,
  `CREATE DICTIONARY fuzz_dictionary (id UInt64, l String) PRIMARY KEY id SOURCE(HTTP(URL '${canary.url}' FORMAT 'TSV')) LAYOUT(FLAT()) LIFETIME(0)`,
  "SYSTEM SHUTDOWN",
  "SYSTEM KILL",
  "SYSTEM STOP MERGES",
  "DROP TABLE predictions",
  "TRUNCATE TABLE predictions",
  "ALTER TABLE predictions DELETE WHERE 1",
  "RENAME TABLE predictions TO fuzz_gone",
  "SELECT 1; TRUNCATE TABLE outcomes",
  "BACKUP TABLE predictions TO File('x')",
];

const post = (query: string, search = ""): HttpStep => http("POST", `/${search}`, { to: "warehouse", body: query });
const get = (query: string, extra = ""): HttpStep =>
  http("GET", `/?query=${encodeURIComponent(query.toWellFormed())}${extra}`, { to: "warehouse" });
const ask = (random: Random, query: string): HttpStep => (chance(random, 0.7) ? post(query) : get(query));

const settings = [
  "max_threads",
  "max_memory_usage",
  "format_csv_delimiter",
  "readonly",
  "max_execution_time",
  "allow_ddl",
  "nonsense",
  "session_id",
  "database",
  "default_format",
  "query_id",
  "param_x",
  "compress",
  "decompress",
];

const shots: readonly ((random: Random, material: Material) => HttpStep)[] = [
  (random) => ask(random, select(random)),
  (random) =>
    ask(
      random,
      `${select(random)} FORMAT ${pick(random, ["JSON", "JSONEachRow", "CSV", "Parquet", "Native", "RowBinary", "Pretty", "Nonsense", "Null", "Avro"])}`,
    ),
  (random) => ask(random, mutateText(random, select(random))),
  (random, material) => ({ ...ask(random, pick(random, reaches(material))), mustRefuse: true }),
  (random) =>
    ask(
      random,
      pick(random, [
        "KILL QUERY WHERE 1 SYNC",
        "SET max_memory_usage = 0",
        "SHOW TABLES",
        "SELECT * FROM system.processes",
      ]),
    ),
  (random, material) => ask(random, mutateText(random, pick(random, reaches(material)))),
  (random) => get("SELECT 1", `&${pick(random, settings)}=${urlPart(random, 300)}`),
  (random) =>
    post(
      `SELECT {x:${pick(random, ["Int32", "String", "Array(String)", "Nonsense"])}}`,
      `?param_x=${urlPart(random, 300)}`,
    ),
  (random) =>
    post(`CREATE TABLE IF NOT EXISTS fuzz_t${below(random, 5)} (a Int64, b String) ENGINE = MergeTree ORDER BY a`),
  (random) => {
    const query = `INSERT INTO fuzz_t${below(random, 5)} FORMAT ${pick(random, ["CSV", "JSONEachRow", "RowBinary", "Native", "Values", "Parquet"])}`;
    const body = chance(random, 0.3) ? Buffer.from('1,"a"\n2,"b"\n') : randomBytes(random, 300);
    return http("POST", `/?query=${encodeURIComponent(query)}`, { to: "warehouse", body });
  },
  (random) => post(`DROP TABLE IF EXISTS fuzz_t${below(random, 5)}`),
  (random) =>
    http("POST", "/", {
      to: "warehouse",
      headers: { "content-encoding": pick(random, ["gzip", "br", "zstd", "nonsense"]) },
      body: randomBytes(random, 100),
    }),
  (random) => {
    const headers = {
      [pick(random, ["origin", "sec-fetch-site", "x-clickhouse-user", "x-clickhouse-key", "authorization", "host"])]:
        pick(random, ["http://evil.example", "cross-site", "default", "Basic eDp5", "evil.example:80", ""]),
    };
    return http(pick(random, ["GET", "POST", "PUT", "OPTIONS"]), "/?query=SELECT+1", { to: "warehouse", headers });
  },
  (random) => post(`SELECT ${"(".repeat(below(random, 3000))}1`),
  (random) => ({ ...post(select(random)), body: mutateBytes(random, Buffer.from(select(random))).toString("base64") }),
];

export const warehouseDoor: Door = {
  name: "warehouse",
  weight: 4,
  good: () => [post("SELECT 1"), get("SELECT count() FROM predictions"), http("GET", "/ping", { to: "warehouse" })],
  shoot: (random, material) => [
    { ...pick(random, shots)(random, material), leaveAfterMs: 1000 + below(random, 15_000) },
  ],
};
