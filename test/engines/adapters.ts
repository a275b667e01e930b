/** The code that only runs with a server: covered by the engine tests, and by them alone. */
export const serverAdapters: readonly string[] = [
  "infra/broker/kafka/**",
  "infra/online-store/redis*",
  "infra/artifacts/s3*",
  "infra/event-store/kurrentdb*",
];
