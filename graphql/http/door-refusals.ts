import { kafkaRefusals } from "./kafka-refusal.ts";
import { mlflowRefusals } from "./mlflow/errors.ts";
import { json, type Refusals } from "./refusal.ts";
import { registryRefusals } from "./registry-refusal.ts";
import { restRefusals } from "./rest-refusal.ts";

const graphqlRefusals: Refusals = {
  mediaType: json,
  answer: ({ code, status, retryable, details }, message) => ({
    status,
    body: { errors: [{ message, extensions: { code, retryable, details } }] },
  }),
  unknown: restRefusals.unknown,
};

const doors: readonly [path: RegExp, refusals: Refusals][] = [
  [/^\/graphql\b/, graphqlRefusals],
  [/^\/topics\b/, kafkaRefusals],
  [/^\/registry\b/, registryRefusals],
  [/^(\/projects\/[^/]+)?\/(api|ajax-api|v1)\//, mlflowRefusals],
];

/** How the door behind an address refuses, for what leads to none of its routes. */
export const refusalsAt = (address: string): Refusals =>
  doors.find(([path]) => path.test(address))?.[1] ?? restRefusals;
