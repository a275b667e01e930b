import type { ErrorCode } from "../../../schemas/errors.ts";

export type FromChild = { type: "ready"; port: number } | { type: "failed"; code: ErrorCode; message: string };

export type ToChild = { type: "close" };
