import { MillraceError } from "../../schemas/errors.ts";

export type S3Setting = {
  bucket: string;
  /** Ends in a slash, or is empty. */
  prefix: string;
  /** Absent: the SDK's default chain (environment, profile, role of the machine). */
  credentials?: { accessKeyId: string; secretAccessKey: string };
  region?: string;
  endpoint?: string;
  pathStyle: boolean;
  encryption?: { algorithm: "AES256" | "aws:kms"; key?: string };
  timeoutMs: number;
};

/** What is wrong, without the URL: it may hold a secret. */
const invalid = (what: string): MillraceError =>
  new MillraceError("INVALID_SETTING", `ARTIFACTS: ${what}; expected s3://[KEY:SECRET@]BUCKET[/PREFIX][?region=...]`);

const known = ["region", "endpoint", "path-style", "sse", "kms-key", "timeout"];

/**
 * What `s3://[KEY:SECRET@]BUCKET[/PREFIX]` says; key and secret are percent-encoded, and come from the SDK's default
 * chain where the URL has none. Parameters: `region`; `endpoint`, for a server that is not AWS's; `path-style=true`,
 * for one whose host names hold no bucket; `sse`, AES256 or aws:kms, and `kms-key`, for encryption at rest by the
 * server; `timeout`, the most milliseconds that a connection is silent (30000). INVALID_SETTING for anything else.
 */
export const s3Setting = (url: string): S3Setting => {
  const match = /^s3:\/\/(?:([^@/?]*)@)?([^@/?]+)(?:\/([^?]*))?(?:\?(.*))?$/i.exec(url);
  const [, credentials, bucket = "", path = "", query] = match ?? [];
  if (!/^[\w.-]+$/.test(bucket)) throw invalid("the bucket is not understood (a slash in a secret is %2F)");
  const parameters = new URLSearchParams(query);
  for (const name of parameters.keys()) if (!known.includes(name)) throw invalid(`there is no parameter "${name}"`);
  const prefix = path.replace(/^\/+|\/+$/g, "");
  return {
    bucket,
    prefix: prefix === "" ? "" : `${prefix}/`,
    credentials: credentialsOf(credentials),
    region: parameters.get("region") ?? undefined,
    endpoint: endpointOf(parameters.get("endpoint")),
    pathStyle: pathStyleOf(parameters.get("path-style") ?? "false"),
    encryption: encryptionOf(parameters.get("sse"), parameters.get("kms-key")),
    timeoutMs: timeoutOf(parameters.get("timeout") ?? "30000"),
  };
};

const credentialsOf = (text: string | undefined): S3Setting["credentials"] => {
  if (text === undefined || text === "") return undefined;
  const colon = text.indexOf(":");
  if (colon < 1 || colon === text.length - 1) throw invalid("key and secret belong together");
  try {
    return {
      accessKeyId: decodeURIComponent(text.slice(0, colon)),
      secretAccessKey: decodeURIComponent(text.slice(colon + 1)),
    };
  } catch {
    throw invalid("key and secret must be percent-encoded");
  }
};

const endpointOf = (text: string | null): string | undefined => {
  if (text === null) return undefined;
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) throw invalid("endpoint must be a URL of http or https");
  if (url.username !== "" || url.password !== "") throw invalid("credentials belong before the bucket");
  return text;
};

const pathStyleOf = (text: string): boolean => {
  if (text !== "true" && text !== "false") throw invalid(`path-style must be true or false, got "${text}"`);
  return text === "true";
};

const encryptionOf = (algorithm: string | null, key: string | null): S3Setting["encryption"] => {
  if (key !== null && algorithm !== "aws:kms") throw invalid("kms-key needs sse=aws:kms");
  if (algorithm === null) return undefined;
  if (algorithm !== "AES256" && algorithm !== "aws:kms") {
    throw invalid(`sse must be AES256 or aws:kms, got "${algorithm}"`);
  }
  return key === null ? { algorithm } : { algorithm, key };
};

const timeoutOf = (text: string): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 3_600_000) return value;
  throw invalid(`timeout must be a whole number of milliseconds from 1 to 3600000, got "${text}"`);
};
