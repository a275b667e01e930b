import { startEmbeddedWarehouse } from "../../infra/warehouse/embedded.ts";

/** A process that owns an embedded warehouse and waits to be killed. */
const { pid, url } = await startEmbeddedWarehouse({ directory: process.argv[2] });
process.send?.({ pid, url });
