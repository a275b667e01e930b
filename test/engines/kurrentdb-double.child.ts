import { kurrentDbDouble } from "./kurrentdb-double.ts";

/** The double in a process of its own: tells its URL, and ends with its parent. */
const double = await kurrentDbDouble();
process.send?.(double.url);
process.once("disconnect", () => process.exit(0));
