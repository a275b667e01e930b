import { treeOf, warehouseOf } from "../../support/processes.ts";
import { corrupted } from "./corrupt.ts";
import { lostLog, olderWarehouse, powerCut, restoredLog } from "./cuts.ts";
import { fullDisk } from "./full-disk.ts";
import { killAll, killAtStart, killInSetUp, killMain, killWarehouse, standStill } from "./kills-of-processes.ts";
import type { Kind } from "./kind.ts";

/** Every way to disturb the platform, a row each. */
export const kinds: readonly Kind[] = [
  { name: "kill-tree", group: "kills", disturb: killAll },
  { name: "kill-main", group: "kills", disturb: killMain },
  { name: "kill-warehouse", group: "kills", disturb: killWarehouse },
  { name: "kill-start", group: "kills", disturb: killAtStart },
  { name: "kill-setup", group: "kills", disturb: killInSetUp },
  { name: "stop-tree", group: "stops", disturb: standStill(({ pid }) => treeOf(pid)) },
  { name: "stop-main", group: "stops", disturb: standStill(({ pid }) => [pid]) },
  { name: "stop-warehouse", group: "stops", disturb: standStill(({ pid }) => [warehouseOf(pid) ?? pid]) },
  { name: "power-cut", group: "cuts", thorough: true, disturb: powerCut },
  { name: "restore", group: "cuts", thorough: true, disturb: restoredLog },
  { name: "older-warehouse", group: "cuts", thorough: true, disturb: olderWarehouse },
  { name: "lost-log", group: "cuts", thorough: true, disturb: lostLog },
  { name: "full-disk", group: "full", thorough: true, disturb: fullDisk },
  { name: "corrupt", group: "corrupt", disturb: corrupted },
];
