import type { LogMark } from "../../infra/log-marks.ts";

/**
 * View state is written at checkpoints, not with every commit: what a hot entity's state went through in between is
 * in the journal anyway. So often, in wall-clock milliseconds, and at once when a task has nothing to take.
 */
export const checkpointMs = 1_000;

/** A checkpoint is followed by at least so many times its own duration without one. */
export const checkpointSpacing = 20;

/**
 * The meta record of a task's changelog: everything but view state that a task needs to go on.
 * It is written with every commit under one key, so that the newest one belongs to the committed offsets.
 */
export type TaskMeta = {
  /** Newest event time of the task. */
  watermark: number;
  /**
   * Views whose state is in the changelog, by id: a view that is not here, or was folded by other rules, must be built
   * from the whole journal. `unread`: without so many records, where there are any (`UnreadRecords`).
   */
  views: Record<string, { version: number; rules?: number; unread?: number }>;
  /** The state of the views reflects the journal's entries before this one; those since must be folded on top. */
  journal: number;
  /** Where the oldest waiting prediction of a deployment lies, and where outcomes of it may begin. */
  pending: Record<string, { predictions: number; outcomes: number }>;
  /** Running detectors by monitor, model and version. */
  detectors: Record<string, unknown>;
  /** Marks of the logs that offsets are in, of the inputs and the journal, by topic; none of an earlier release. */
  logs?: Record<string, LogMark>;
};

export const metaKey = "meta";

export const emptyMeta = (): TaskMeta => ({
  watermark: Number.NEGATIVE_INFINITY,
  views: {},
  journal: 0,
  pending: {},
  detectors: {},
});

/**
 * By what rules events are folded into state. Earlier releases wrote none: lateness was measured by the task's
 * newest event, and heads were not kept.
 */
export const foldRules = 2;

/** JSON has no infinities: null stands for "nothing seen yet". */
export const encodeMeta = (meta: TaskMeta): Buffer => Buffer.from(JSON.stringify(meta));

export const decodeMeta = (bytes: Buffer): TaskMeta => {
  const meta = JSON.parse(bytes.toString()) as TaskMeta;
  return { ...meta, watermark: meta.watermark ?? Number.NEGATIVE_INFINITY };
};
