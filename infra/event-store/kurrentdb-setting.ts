import { MillraceError } from "../../schemas/errors.ts";

export type KurrentDbSetting = {
  /** For the client; holds the credentials. */
  connectionString: string;
  /** The hosts alone, for messages. */
  where: string;
};

export const kurrentDbSchemes = ["kurrentdb", "kurrentdb+discover", "esdb", "esdb+discover"] as const;

const pattern = /^(kurrentdb|esdb)(\+discover)?:\/\/(?:[^@/?]*@)?([^@/?]+)\/?(?:\?(.*))?$/i;

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
    "tls",
    "tlsCAFile",
    "tlsVerifyCert",
    "userCertFile",
    "userKeyFile",
  ].map((name) => name.toLowerCase()),
);

/** What is wrong, without the URL: it may hold a password. */
export const invalidEventStore = (what: string): MillraceError =>
  new MillraceError(
    "INVALID_SETTING",
    `EVENT_STORE: ${what}; expected kurrentdb[+discover]://[user:password@]host[:port],...[?tls=true&tlsCAFile=...]`,
  );

/**
 * A connection string of KurrentDB's client (`esdb:` is EventStoreDB's name for it). It is looked at before the client
 * sees it, which writes strings that it does not understand to the console, password and all. Reads must see what was
 * just written, so they go to the leader. INVALID_SETTING.
 */
export const kurrentDbSetting = (url: string): KurrentDbSetting => {
  const match = pattern.exec(url.trim());
  if (match === null) throw invalidEventStore("the URL is not understood");
  const [, scheme, discover = "", where, query = ""] = match;
  for (const [name, value] of new URLSearchParams(query)) {
    if (!parameters.has(name.toLowerCase())) throw invalidEventStore(`there is no parameter "${name}"`);
    if (name.toLowerCase() === "nodepreference" && value.toLowerCase() !== "leader") {
      throw invalidEventStore("nodePreference must be leader: a follower may lack what was just written");
    }
  }
  const connectionString = `kurrentdb${discover.toLowerCase()}${url.trim().slice(scheme.length + discover.length)}`;
  return { connectionString, where };
};
