import { MillraceError } from "../../../schemas/errors.ts";

/** Error codes of the Kafka protocol that are handled by name. */
export const codes = {
  OFFSET_OUT_OF_RANGE: 1,
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  LEADER_NOT_AVAILABLE: 5,
  NOT_LEADER_OR_FOLLOWER: 6,
  REQUEST_TIMED_OUT: 7,
  MESSAGE_TOO_LARGE: 10,
  COORDINATOR_LOAD_IN_PROGRESS: 14,
  COORDINATOR_NOT_AVAILABLE: 15,
  NOT_COORDINATOR: 16,
  INVALID_TOPIC: 17,
  RECORD_LIST_TOO_LARGE: 18,
  NOT_ENOUGH_REPLICAS: 19,
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 20,
  ILLEGAL_GENERATION: 22,
  UNKNOWN_MEMBER_ID: 25,
  REBALANCE_IN_PROGRESS: 27,
  TOPIC_AUTHORIZATION_FAILED: 29,
  GROUP_AUTHORIZATION_FAILED: 30,
  CLUSTER_AUTHORIZATION_FAILED: 31,
  INVALID_TIMESTAMP: 32,
  UNSUPPORTED_VERSION: 35,
  TOPIC_ALREADY_EXISTS: 36,
  INVALID_CONFIG: 40,
  NOT_CONTROLLER: 41,
  INVALID_PRODUCER_EPOCH: 47,
  INVALID_TXN_STATE: 48,
  INVALID_PRODUCER_ID_MAPPING: 49,
  CONCURRENT_TRANSACTIONS: 51,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 53,
  OPERATION_NOT_ATTEMPTED: 55,
  KAFKA_STORAGE_ERROR: 56,
  SASL_AUTHENTICATION_FAILED: 58,
  MEMBER_ID_REQUIRED: 79,
  INVALID_RECORD: 87,
  UNSTABLE_OFFSET_COMMIT: 88,
  PRODUCER_FENCED: 90,
} as const;

const names = new Map<number, string>(Object.entries(codes).map(([name, code]) => [code, name]));

/** An error code in an answer of Kafka. */
export class ProtocolError extends Error {
  readonly code: number;
  constructor(code: number, api: string, detail?: string | null) {
    super(`Kafka answered ${api} with ${names.get(code) ?? `error ${code}`}${detail ? `: ${detail}` : ""}`);
    this.code = code;
  }
}

export const hasCode = (error: unknown, ...among: readonly number[]): boolean =>
  error instanceof ProtocolError && among.includes(error.code);

/** Codes that pass by when the metadata or the coordinator is looked up anew. */
const passing: ReadonlySet<number> = new Set([
  codes.LEADER_NOT_AVAILABLE,
  codes.NOT_LEADER_OR_FOLLOWER,
  codes.REQUEST_TIMED_OUT,
  codes.COORDINATOR_LOAD_IN_PROGRESS,
  codes.COORDINATOR_NOT_AVAILABLE,
  codes.NOT_COORDINATOR,
  codes.NOT_ENOUGH_REPLICAS,
  codes.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
  codes.NOT_CONTROLLER,
  codes.CONCURRENT_TRANSACTIONS,
  codes.KAFKA_STORAGE_ERROR,
  codes.UNSTABLE_OFFSET_COMMIT,
]);
const fenced: ReadonlySet<number> = new Set([
  codes.INVALID_PRODUCER_EPOCH,
  codes.INVALID_TXN_STATE,
  codes.INVALID_PRODUCER_ID_MAPPING,
  codes.PRODUCER_FENCED,
]);
const unauthorized: ReadonlySet<number> = new Set([
  codes.TOPIC_AUTHORIZATION_FAILED,
  codes.GROUP_AUTHORIZATION_FAILED,
  codes.CLUSTER_AUTHORIZATION_FAILED,
  codes.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  codes.SASL_AUTHENTICATION_FAILED,
]);

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : "");
const certificate = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS|ERR_SSL|EPROTO/;

/** The connection is gone, was never made, or the answer did not come in time. */
export const isUnreachable = (error: unknown): boolean =>
  ["KafkaJSConnectionError", "KafkaJSConnectionClosedError", "KafkaJSRequestTimeoutError"].includes(nameOf(error)) &&
  !isCertificate(error);

const isCertificate = (error: unknown): boolean => certificate.test(String((error as { code?: unknown }).code ?? ""));

/** Whether the same request may succeed soon. */
export const isPassing = (error: unknown): boolean =>
  isUnreachable(error) || (error instanceof ProtocolError && passing.has(error.code));

export const isFenced = (error: unknown): boolean => error instanceof ProtocolError && fenced.has(error.code);

/** The coded form of what a request failed with. `where`: the hosts, without credentials. */
export const brokerError = (error: unknown, where: string): MillraceError => {
  if (error instanceof MillraceError) return error;
  const coded = (code: ConstructorParameters<typeof MillraceError>[0], message: string): MillraceError =>
    new MillraceError(code, message, { cause: error });
  const text = error instanceof Error ? error.message : String(error);
  if (isFenced(error)) return coded("FENCED", "another process writes what this one was writing: nothing was written");
  if (isUnreachable(error)) return coded("ENGINE_UNAVAILABLE", `BROKER: Kafka at ${where} does not answer (${text})`);
  if (isCertificate(error)) {
    return coded("ENGINE_REFUSED", `BROKER: no TLS connection to Kafka at ${where} (${text}): check tls and ca`);
  }
  // The only requests of kafkajs's own are those of authentication.
  if (["KafkaJSSASLAuthenticationError", "KafkaJSProtocolError"].includes(nameOf(error))) {
    return coded(
      "ENGINE_REFUSED",
      `BROKER: Kafka at ${where} refuses the credentials: check user, password and sasl of the URL`,
    );
  }
  if (!(error instanceof ProtocolError)) return coded("INTERNAL", text);
  if (error.code === codes.UNKNOWN_TOPIC_OR_PARTITION) return coded("UNKNOWN_TOPIC", `${text}: create it first`);
  if (error.code === codes.MESSAGE_TOO_LARGE || error.code === codes.RECORD_LIST_TOO_LARGE) {
    return coded("RECORD_TOO_LARGE", `${text}: raise max.message.bytes of the topic`);
  }
  if (error.code === codes.INVALID_TIMESTAMP || error.code === codes.INVALID_RECORD) {
    return coded("INVALID_RECORD", text);
  }
  if (unauthorized.has(error.code)) {
    return coded("ENGINE_REFUSED", `BROKER: ${text}: grant it to the user of the URL`);
  }
  return coded(passing.has(error.code) ? "ENGINE_UNAVAILABLE" : "ENGINE_REFUSED", `BROKER: ${text} (${where})`);
};
