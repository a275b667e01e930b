import { project } from "../../../../examples/flights/definitions.ts";
import type { Door } from "../door.ts";
import { mutateBytes } from "../mutate.ts";
import { below, chance, nastyText, pick, type Random, randomBytes, urlPart } from "../random.ts";
import { type HttpStep, http, type RawStep } from "../shot.ts";

const heads = [
  "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
  "GET /health/live HTTP/1.1\r\nHost: evil.example\r\n\r\n",
  "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
  "POST /topics/departures HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n{",
  "POST /topics/departures HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  "PUT /artifacts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/octet-stream\r\nContent-Length: 99999999999\r\n\r\nx",
  "GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
  "POST /?query=SELECT+1 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\n\r\n",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ${"a".repeat(20_000)}\r\n\r\n`,
  "GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
  "OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
];

/** What is no HTTP, or comes slowly. */
export const bareDoor: Door = {
  name: "bare sockets",
  weight: 2,
  good: () => [],
  shoot(random): RawStep[] {
    const head = Buffer.from(pick(random, heads));
    const bytes = chance(random, 0.6)
      ? mutateBytes(random, head)
      : chance(random, 0.7)
        ? head
        : randomBytes(random, 500);
    const count = 1 + below(random, 8);
    const size = Math.ceil(bytes.length / count);
    const pieces = Array.from({ length: count }, (_, i) => bytes.subarray(i * size, (i + 1) * size).toString("base64"));
    return [
      { over: "socket", to: chance(random, 0.7) ? "platform" : "warehouse", pieces, pauseMs: below(random, 300) },
    ];
  },
};

const paths = [
  "/",
  "/health/live",
  "/health/ready",
  "/metrics",
  "/status",
  "/graphiql",
  `/projects/${project}`,
  "/projections/documents/rebuild",
];

const odd = (random: Random): HttpStep => {
  const path = chance(random, 0.6) ? pick(random, paths) : `/${urlPart(random, 1000)}`;
  const method = pick(random, ["GET", "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"]);
  const header = pick(random, [
    "accept",
    "x-correlation-id",
    "authorization",
    "cookie",
    "origin",
    "if-none-match",
    "x-forwarded-for",
  ]);
  const value = nastyText(random)
    .replace(/[^\t\x20-\x7e\x80-\xff]/g, "")
    .slice(0, 2000);
  return http(method, path, { headers: { [header]: value } });
};

/** Health, metrics, the list of doors, and paths that are none. */
export const statusDoor: Door = {
  name: "status",
  weight: 1,
  good: () => ["/", "/health/live", "/metrics"].map((path) => http("GET", path)),
  shoot: (random) => [odd(random)],
};
