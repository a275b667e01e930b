/**
 * Every failure that a caller can meet has a code here: its HTTP status, whether trying again can help,
 * and what it means. `test/infra/errors.test.ts` walks this table against the code and docs/errors.md.
 */
const table = {
  BAD_REQUEST: { status: 400, retryable: false, meaning: "The request is malformed; the message names the field." },
  UNAUTHENTICATED: { status: 401, retryable: false, meaning: "No actor could be established." },
  FORBIDDEN: { status: 403, retryable: false, meaning: "The actor may not do this in this project." },
  NOT_FOUND: { status: 404, retryable: false, meaning: "The named thing does not exist." },
  METHOD_NOT_ALLOWED: {
    status: 405,
    retryable: false,
    meaning: "The address does not take this method; the header Allow names those that it takes.",
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    retryable: false,
    meaning: "The door does not read bodies of this content type.",
  },
  PERSISTED_QUERY_NOT_SUPPORTED: {
    status: 200,
    retryable: false,
    meaning: "A GraphQL client sent the digest of a query without the query.",
  },
  ALREADY_EXISTS: { status: 409, retryable: false, meaning: "A thing of that name exists." },
  ILLEGAL_STATE: {
    status: 409,
    retryable: false,
    meaning: "The thing exists, but its state does not allow the command.",
  },
  POLICY_NOT_MET: {
    status: 409,
    retryable: false,
    meaning: "The stage has a policy that the model version does not meet; details.failed names every rule.",
  },
  IDEMPOTENCY_CONFLICT: { status: 409, retryable: false, meaning: "The idempotency key was used for another command." },
  CONFLICT: { status: 409, retryable: true, meaning: "Others kept changing the stream while the command was decided." },
  WRONG_EXPECTED_REVISION: { status: 409, retryable: true, meaning: "The stream is not at the expected revision." },
  UNKNOWN_EVENT: {
    status: 500,
    retryable: false,
    meaning: "A stored event has a type or version that this release cannot read.",
  },
  UNREADABLE_EVENT: {
    status: 500,
    retryable: false,
    meaning: "A stored event is not what this platform writes; details name stream, revision and position.",
  },
  HISTORY_INCOMPLETE: {
    status: 409,
    retryable: false,
    meaning: "A stream was deleted, or events of it are gone: nothing can be decided on what is left of it.",
  },
  UNKNOWN_TOPIC: { status: 404, retryable: false, meaning: "The topic does not exist." },
  UNKNOWN_SCHEMA: {
    status: 422,
    retryable: false,
    meaning: "The record names a schema id that the registry does not hold.",
  },
  INVALID_SCHEMA: {
    status: 422,
    retryable: false,
    meaning: "The Avro schema is not valid, or lacks a field that is needed.",
  },
  INCOMPATIBLE_SCHEMA: {
    status: 409,
    retryable: false,
    meaning: "The schema breaks the subject's compatibility rule, or does not read what is in the log.",
  },
  UNDECODABLE_RECORD: { status: 422, retryable: false, meaning: "The bytes of a record are not what its schema says." },
  INVALID_RECORD: { status: 422, retryable: false, meaning: "A record's key, value or timestamp is refused." },
  EVENT_AHEAD: { status: 422, retryable: false, meaning: "A record's event time is too far ahead of the clock." },
  RECORD_TOO_LARGE: { status: 413, retryable: false, meaning: "A record is larger than the topic allows." },
  INVALID_EXPRESSION: {
    status: 422,
    retryable: false,
    meaning: "A CEL expression does not parse or type-check; position given.",
  },
  INVALID_FEATURE_VIEW: {
    status: 422,
    retryable: false,
    meaning: "A feature view's definition does not hold together.",
  },
  INVALID_DATASET: {
    status: 422,
    retryable: false,
    meaning:
      "A dataset's bytes are not what its format says, have no rows, or ask for more than a limit; row and column given.",
  },
  DATASET_TOO_LARGE: { status: 413, retryable: false, meaning: "A dataset has more bytes than the setting allows." },
  INVALID_MODEL: { status: 422, retryable: false, meaning: "The artifact is not an ONNX model that can be served." },
  SIGNATURE_MISMATCH: {
    status: 422,
    retryable: false,
    meaning: "A model's inputs do not match the deployment's columns.",
  },
  DIGEST_MISMATCH: {
    status: 400,
    retryable: false,
    meaning: "The bytes that were sent have another digest than was said.",
  },
  CORRUPT_ARTIFACT: { status: 500, retryable: false, meaning: "An artifact's bytes do not match its digest." },
  QUERY_TOO_DEEP: { status: 400, retryable: false, meaning: "The GraphQL query is nested too deeply." },
  QUERY_TOO_COSTLY: { status: 400, retryable: false, meaning: "The GraphQL query asks for too much at once." },
  PROJECTION_BEHIND: {
    status: 503,
    retryable: true,
    meaning: "The read model did not reach the asked position in time.",
  },
  SCORE_TIMEOUT: { status: 500, retryable: false, meaning: "The model took too long for this input and was ended." },
  SCORING_FAILED: { status: 500, retryable: false, meaning: "The model failed on this input." },
  TRAINING_FAILED: { status: 422, retryable: false, meaning: "A training job cannot go on; the message says why." },
  LOG_CHANGED: {
    status: 409,
    retryable: true,
    meaning: "A log is not the one that was read before: it was restored, or deleted and made again.",
  },
  CORRUPT_BATCH: { status: 500, retryable: false, meaning: "A stored batch of records does not match its checksum." },
  FENCED: {
    status: 409,
    retryable: false,
    meaning: "Another process has taken over what this one was writing; nothing was written.",
  },
  ENGINE_UNAVAILABLE: {
    status: 503,
    retryable: true,
    meaning: "An engine (broker, store, registry) did not answer in time.",
  },
  ENGINE_REFUSED: {
    status: 502,
    retryable: false,
    meaning: "An engine refused the request or the credentials of its setting.",
  },
  ONLINE_STORE_CHANGED: {
    status: 409,
    retryable: false,
    meaning: "The online store lost or changed what its writer had left there; nothing was written.",
  },
  WAREHOUSE_FAILED: { status: 502, retryable: true, meaning: "The warehouse refused or failed a statement." },
  STORAGE_FULL: { status: 507, retryable: true, meaning: "The disk is full; nothing was written." },
  DATA_LOCKED: { status: 409, retryable: false, meaning: "Another Millrace process uses this data directory." },
  DATA_UNUSABLE: {
    status: 500,
    retryable: false,
    meaning: "A directory or file of the data cannot be used: no permission, read-only, not Millrace's, or damaged.",
  },
  INVALID_SETTING: { status: 400, retryable: false, meaning: "A setting has a value that is not understood." },
  TOO_SLOW: { status: 408, retryable: true, meaning: "A request's body did not come in time." },
  OVERLOADED: {
    status: 503,
    retryable: true,
    meaning: "More is being done at once than there is room for; send it again later.",
  },
  CLOSED: { status: 503, retryable: true, meaning: "The component is shutting down." },
  INTERNAL: {
    status: 500,
    retryable: false,
    meaning: "A defect in Millrace; please report it with the correlation id.",
  },
} as const satisfies Record<string, { status: number; retryable: boolean; meaning: string }>;

export type ErrorCode = keyof typeof table;

export const errorTable: Record<ErrorCode, { status: number; retryable: boolean; meaning: string }> = table;

export type ErrorDetails = Record<string, unknown>;

/** A failure with a stable code. `details` is JSON-safe and shown to the caller; `cause` is kept for the log. */
export class MillraceError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "MillraceError";
    this.code = code;
    this.details = options.details ?? {};
  }

  get status(): number {
    return errorTable[this.code].status;
  }

  get retryable(): boolean {
    return errorTable[this.code].retryable;
  }
}

export const isMillraceError = (error: unknown, code?: ErrorCode): error is MillraceError =>
  error instanceof MillraceError && (code === undefined || error.code === code);

/** Any thrown value as a coded error; what has no code becomes INTERNAL with its cause kept. */
export const asMillraceError = (error: unknown): MillraceError =>
  error instanceof MillraceError
    ? error
    : new MillraceError("INTERNAL", error instanceof Error ? error.message : String(error), { cause: error });
