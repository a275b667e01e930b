/** A thread of the online store tests. `<file>`: writes a key, then says so. */
import { sqliteOnlineStore } from "../../infra/online-store/sqlite.ts";

const store = sqliteOnlineStore(process.argv[2]);
await store.setMany([{ key: "from-thread", value: Buffer.from("hello") }]);
await store.publish("done", "written");
