import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { kafkaSettings } from "../../infra/broker/kafka/url.ts";
import { isMillraceError } from "../../schemas/errors.ts";

describe("a kafka: URL", () => {
  it("names servers, credentials and settings", () => {
    assert.deepEqual(
      kafkaSettings(
        "kafka://ada:p%40ss%3Aw@one:9092,[::1]:9093,three?sasl=SCRAM-SHA-512&compression=zstd&replication-factor=3&prefix=dev.&client-id=me",
      ),
      {
        servers: [
          { host: "one", port: 9092 },
          { host: "::1", port: 9093 },
          { host: "three", port: 9092 },
        ],
        tls: undefined,
        sasl: { mechanism: "scram-sha-512", username: "ada", password: "p@ss:w" },
        clientId: "me",
        compression: "zstd",
        replicationFactor: 3,
        prefix: "dev.",
      },
    );
    assert.deepEqual(kafkaSettings("kafka://h:1?tls=true").tls, {});
    assert.equal(kafkaSettings("kafka://h:1/").sasl, undefined);
  });

  it("with oauthbearer gets tokens by client credentials, and keeps them while they are good", async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(`${request.headers.authorization}`);
      const refused = asked.length > 1;
      response.writeHead(refused ? 401 : 200, { "content-type": "application/json" });
      response.end(refused ? "{}" : JSON.stringify({ access_token: `token ${asked.length}`, expires_in: 3600 }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const endpoint = encodeURIComponent(`http://127.0.0.1:${(server.address() as AddressInfo).port}/token`);
    const url = `kafka://ada:hush@h:1?sasl=oauthbearer&oauth-token-url=${endpoint}`;
    const { sasl } = kafkaSettings(url);
    assert.ok(sasl?.mechanism === "oauthbearer");
    assert.deepEqual(await sasl.oauthBearerProvider(), { value: "token 1" });
    assert.deepEqual(await sasl.oauthBearerProvider(), { value: "token 1" });
    assert.deepEqual(asked, [`Basic ${Buffer.from("ada:hush").toString("base64")}`]);
    const other = kafkaSettings(url).sasl;
    assert.ok(other?.mechanism === "oauthbearer");
    await assert.rejects(
      other.oauthBearerProvider(),
      (error) => isMillraceError(error, "ENGINE_REFUSED") && !error.message.includes("hush"),
    );
    server.close();
  });
});
