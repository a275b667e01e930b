import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { type Broker, murmur2 } from "../../infra/broker/port.ts";
import { type SqliteBrokerOptions, sqliteBroker } from "../../infra/broker/sqlite.ts";
import { brokerContract } from "../contracts/broker.contract.ts";
import type { BrokerSetup } from "../contracts/broker-reader.contract.ts";

const setup = (options: SqliteBrokerOptions) => async (): Promise<BrokerSetup> => {
  const dir = mkdtempSync(join(tmpdir(), "millrace-broker-"));
  const opened: Broker[] = [];
  const open = (): Broker => {
    const broker = sqliteBroker(join(dir, "broker.db"), options);
    opened.push(broker);
    return broker;
  };
  return {
    broker: open(),
    another: async () => open(),
    async cleanup() {
      for (const broker of opened) await broker.close();
      rmSync(dir, { recursive: true });
    },
  };
};

brokerContract("sqlite", setup({}));
brokerContract("sqlite, compacting all the time", setup({ cleanDelayMs: 0, minDirtyBytes: 1 }));

it("partitions as Kafka's own tests expect", () => {
  // org.apache.kafka.common.utils.UtilsTest.testMurmur2
  const golden: Record<string, number> = {
    "21": -973932308,
    foobar: -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58897971,
    abc: 479470107,
  };
  for (const [key, hash] of Object.entries(golden)) assert.equal(murmur2(Buffer.from(key)), hash);
});
