import { accessSync, constants } from "node:fs";
import { MillraceError } from "../../schemas/errors.ts";
import { ownStreams } from "../../schemas/own-streams.ts";

export type KurrentDbSetting = {
  /** For the client; holds the credentials. */
  connectionString: string;
  /** The hosts alone, for messages. */
  where: string;
  /** What stands before the name of each of our streams on the server; may be empty. */
  namePrefix: string;
};

export const kurrentDbSchemes = ["kurrentdb", "kurrentdb+discover", "esdb", "esdb+discover"] as const;

const pattern = /^(kurrentdb|esdb)(\+discover)?:\/\/(?:([^@/?]*)@)?([^@/?]+)\/?(?:\?(.*))?$/i;

const parameters: ReadonlySet<string> = new Set(
  [
    "connectionName",
    "defaultDeadline",
    "discoveryInterval",
    "gossipTimeout",
    "keepAliveInterval",
    "keepAliveTimeout",
    "maxDiscoverAttempts",
    "nodePreference",
    "prefix",
    "tls",
    "tlsCAFile",
    "tlsVerifyCert",
    "userCertFile",
    "userKeyFile",
  ].map((name) => name.toLowerCase()),
);
/** Those that name a file, in the order in which they are looked for. */
const files: readonly string[] = ["tlscafile", "usercertfile", "userkeyfile"];

/** What is wrong, without the URL: it may hold a password. */
export const invalidEventStore = (what: string): MillraceError =>
  new MillraceError(
    "INVALID_SETTING",
    `EVENT_STORE: ${what}; expected kurrentdb[+discover]://[user:password@]host[:port],...[?tls=true&tlsCAFile=...]`,
  );

/**
 * A connection string of KurrentDB's client (`esdb:` is EventStoreDB's name for it), and our own parameter `prefix`,
 * a name that stands before each stream's with a dot. It is looked at before the client sees it, which writes strings
 * that it does not understand to the console, password and all. Reads must see what was just written, so they go to
 * the leader. INVALID_SETTING.
 */
export const kurrentDbSetting = (url: string): KurrentDbSetting => {
  const match = pattern.exec(url.trim());
  if (match === null) throw invalidEventStore("the URL is not understood");
  const [, scheme, discover = "", credentials, where, query = ""] = match;
  if (credentials !== undefined) checkCredentials(credentials);
  const given = query.split("&").filter((pair) => pair !== "");
  const values = new Map(given.map((pair) => parameterOf(pair)));
  for (const name of files) checkFile(name, values.get(name));
  const preference = values.get("nodepreference")?.toLowerCase() ?? "leader";
  if (preference !== "leader") {
    throw invalidEventStore("nodePreference must be leader: a follower may lack what was just written");
  }
  const forClient = given.filter((pair) => parameterOf(pair)[0] !== "prefix").join("&");
  const authority = `${credentials === undefined ? "" : `${credentials}@`}${where}`;
  return {
    connectionString: `${scheme.toLowerCase().replace("esdb", "kurrentdb")}${discover.toLowerCase()}://${authority}${forClient && `?${forClient}`}`,
    where,
    namePrefix: namePrefixOf(values.get("prefix")),
  };
};

const parameterOf = (pair: string): [name: string, value: string] => {
  const equals = pair.indexOf("=");
  const name = equals < 0 ? pair : pair.slice(0, equals);
  if (!parameters.has(name.toLowerCase())) throw invalidEventStore(`there is no parameter "${name}"`);
  return [name.toLowerCase(), decoded(equals < 0 ? "" : pair.slice(equals + 1), `the parameter ${name}`)];
};

const decoded = (text: string, what: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalidEventStore(`${what} is not percent-encoded: write a % as %25`);
  }
};

/** The client takes what stands before the first colon for the user, and cuts the password at a second one. */
const checkCredentials = (credentials: string): void => {
  decoded(credentials, "user or password");
  if (!/^[^:]+:[^:]+$/.test(credentials)) {
    throw invalidEventStore("expected user:password before the @, both percent-encoded (a colon is %3A)");
  }
};

const checkFile = (name: string, path: string | undefined): void => {
  if (path === undefined) return;
  try {
    accessSync(path, constants.R_OK);
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === "ENOENT" ? "does not exist" : "cannot be read";
    const shown = { tlscafile: "tlsCAFile", usercertfile: "userCertFile", userkeyfile: "userKeyFile" }[name];
    throw invalidEventStore(`${shown}: the file ${path} ${why}`);
  }
};

/** A dot ends the name, so that no name with its dot is the beginning of another. */
const namePrefixOf = (given: string | undefined): string => {
  if (given === undefined) return "";
  const name = given.replace(/\.$/, "");
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
    throw invalidEventStore(`prefix: expected 1 to 64 of A-Z a-z 0-9 _ -, got "${given}"`);
  }
  const taken = ownStreams.find((own) => `${name}.`.startsWith(own));
  if (taken === undefined) return `${name}.`;
  throw invalidEventStore(
    `prefix: "${name}" begins with "${taken}", as streams of an installation without a prefix do`,
  );
};
