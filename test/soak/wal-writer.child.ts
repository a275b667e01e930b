import { DatabaseSync } from "node:sqlite";

/** Writes a row a transaction and stays: who kills it leaves the write-ahead log as a killed platform does. */
const [path, rows] = process.argv.slice(2);
const db = new DatabaseSync(path);
db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0");
db.exec("CREATE TABLE t (n INTEGER)");
for (let n = 0; n < Number(rows); n++) db.exec(`INSERT INTO t VALUES (${n})`);
process.send?.("written");
setInterval(() => db.isOpen, 1000);
