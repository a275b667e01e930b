import { z } from "zod";
import { badPath, isPlainPath } from "./artifact-files.ts";
import { recordOf } from "./fields.ts";

/** What MLflow clients may write: ids, names, and the limits of keys, values and batches. */
const MAX_BATCH = 100;

/** Decimal text, as clients expect of experiments. */
export const experimentId = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,18})$/, "expected the id of an experiment, a decimal number as text");

export const runId = z.string().regex(/^[0-9a-f]{32}$/, "expected the id of a run, 32 lower-case hex characters");

export const loggedModelId = z
  .string()
  .regex(/^m-[0-9a-f]{32}$/, "expected the id of a logged model, m- and 32 lower-case hex characters");

export const experimentName = z
  .string()
  .max(500)
  .refine((name) => name.trim() !== "", "expected a name that is not blank");

/** Names of runs and of logged models need not be unique. */
export const title = z.string().min(1).max(500);

export const user = z.string().max(250);

export const location = z.string().min(1).max(2048);

/** Keys are shown as paths, so they may not lead out of their place. */
const isPath = (key: string): boolean => !key.split("/").some((part) => part === "" || part === "." || part === "..");

export const key = z
  .string()
  .min(1)
  .max(250)
  .regex(/^[\p{L}\p{N}_.\- :/]+$/u, "expected letters, digits, _ - . : / and spaces")
  .refine(isPath, "expected no empty, . or .. part between slashes");

export const artifactPath = z.string().min(1).max(1000).refine(isPlainPath, badPath);

/** Of a file or folder; of all where it is empty. */
export const artifactPlace = z
  .string()
  .max(1000)
  .refine((path) => path === "" || isPlainPath(path), badPath)
  .default("");

const paramValue = z.string().max(6000);

export const tagValue = z.string().max(8000);

/** MLflow's limits for the tags of an experiment, and for those of the registry. */
export const experimentTagValue = z.string().max(20_000);
export const registryTagValue = z.string().max(100_000);

/** A run of another tracking server, by whatever id it has there. */
export const foreignRun = z.string().min(1).max(500);

/** Of a logged model: part of URIs, so without what ends a name there. */
export const loggedModelName = title.regex(/^[^/:.%"']+$/, "expected no / : . % \" or '");

const batchOf = (value: z.ZodString, what: string) => recordOf(key, value, MAX_BATCH, `${what} at once`);

export const params = batchOf(paramValue, "parameters");

export const tags = batchOf(tagValue, "tags");

export const runStatus = z.enum(["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]);

export const runDataset = z.strictObject({
  name: z.string().min(1).max(500),
  digest: z.string().min(1).max(36),
  sourceType: z.string().min(1).max(36),
  source: z.string().max(65_535),
  schema: z.string().max(1_048_575).nullable().default(null),
  profile: z.string().max(16_777_215).nullable().default(null),
  tags: tags.default({}),
});

export const runOutput = z.strictObject({ model: loggedModelId, step: z.int().default(0) });

const hexOf = (uuid: string): string => uuid.replaceAll("-", "");

export const runIdFrom = hexOf;

export const loggedModelIdFrom = (uuid: string): string => `m-${hexOf(uuid)}`;

/** From the random bits of a UUID: up to 18 digits, never that of the default experiment. */
export const experimentIdFrom = (uuid: string): string => String(BigInt.asUintN(59, BigInt(`0x${hexOf(uuid)}`)) + 1n);
