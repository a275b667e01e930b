import { describe } from "node:test";
import { brokerContract } from "../contracts/broker.contract.ts";
import { kafkaSetup, kafkaUrl } from "./kafka-brokers.ts";

const { url, skip } = kafkaUrl();

describe("kafka", { skip }, () => {
  brokerContract(
    "kafka",
    async () => {
      const { open, cleanup } = kafkaSetup(url);
      return { broker: await open(), another: () => open(), cleanup };
    },
    { modelRuns: 15 },
  );
});
