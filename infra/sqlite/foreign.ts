import type { DatabaseSync } from "node:sqlite";
import { MillraceError } from "../../schemas/errors.ts";

/** "Mill", in the place of the file where SQLite keeps whose it is (https://www.sqlite.org/pragma.html). */
const applicationId = 0x4d696c6c;

/** Tables of files that were made before they were marked. */
const ours = ["events", "entries", "members", "broker_topics", "broker_log", "broker_catalog"];

/** Marks a new file as Millrace's. DATA_UNUSABLE where the file is a database of somebody else. */
export const claimFile = (db: DatabaseSync, path: string): void => {
  const id = db.prepare("PRAGMA application_id").get()?.application_id;
  if (id === applicationId) return;
  const names = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  const isOurs = id === 0 && (names.length === 0 || names.some(({ name }) => ours.includes(String(name))));
  if (!isOurs) {
    throw new MillraceError("DATA_UNUSABLE", `${path} is the database of another program: name another file`);
  }
  db.exec(`PRAGMA application_id = ${applicationId}`);
};
