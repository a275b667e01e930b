import { Counter, Gauge, type Registry } from "prom-client";

export type StreamsMetrics = {
  records: Counter;
  predictions: Counter;
  outcomes: Counter;
  unmatched: Counter;
  deadLetters: Counter<"stage">;
  unread: Gauge<"view" | "partition">;
  waitsEnded: Counter<"topic" | "why">;
  dropped: Counter<"name" | "cause">;
  watermark: Gauge<"application" | "partition">;
  restarts: Counter<"application">;
  failingDeployments: Gauge<"deployment">;
  modelsScoredAlone: Gauge<"model">;
  placesCut: Counter<"store">;
};

export const streamsMetrics = (registry: Registry): StreamsMetrics => {
  const registers = [registry];
  return {
    records: new Counter({ name: "millrace_stream_records_total", help: "Records taken by stream tasks", registers }),
    predictions: new Counter({ name: "millrace_predictions_total", help: "Predictions made on streams", registers }),
    outcomes: new Counter({ name: "millrace_outcomes_total", help: "Outcomes joined to predictions", registers }),
    unmatched: new Counter({
      name: "millrace_outcomes_unmatched_total",
      help: "Outcomes that no waiting prediction was found for",
      registers,
    }),
    deadLetters: new Counter({
      name: "millrace_dead_letters_total",
      help: "Records that could not be used, by stage",
      labelNames: ["stage"],
      registers,
    }),
    unread: new Gauge({
      name: "millrace_view_unread_records",
      help: "Records that a view was built without, because the schema of their source no longer reads them",
      labelNames: ["view", "partition"],
      registers,
    }),
    waitsEnded: new Counter({
      name: "millrace_task_waits_ended_total",
      help: "Waits for an empty input that the clock has ended: at the live edge, or since nobody produces to its source",
      labelNames: ["topic", "why"],
      registers,
    }),
    dropped: new Counter({
      name: "millrace_events_dropped_total",
      help: "Events that feed no feature, by view or source: ahead of the clock, later than allowed, or without a key",
      labelNames: ["name", "cause"],
      registers,
    }),
    watermark: new Gauge({
      name: "millrace_stream_watermark_ms",
      help: "Newest event time of a task, UTC milliseconds",
      labelNames: ["application", "partition"],
      registers,
    }),
    modelsScoredAlone: new Gauge({
      name: "millrace_models_scored_alone",
      help: "1 for a model version scored row by row since a row had other bits in a batch than alone",
      labelNames: ["model"],
      aggregator: "max",
      registers,
    }),
    placesCut: new Counter({
      name: "millrace_places_cut_total",
      help: "Derived stores that were cut back, by partition, because their log no longer holds what they were made of",
      labelNames: ["store"],
      registers,
    }),
    restarts: new Counter({
      name: "millrace_task_restarts_total",
      help: "Tasks that were restored from their changelog after a failure",
      labelNames: ["application"],
      registers,
    }),
    failingDeployments: new Gauge({
      name: "millrace_failing_deployments",
      help: "1 for a deployment whose model is not scored, or its drift not judged",
      labelNames: ["deployment"],
      // Each thread that has partitions of it finds it failing.
      aggregator: "max",
      registers,
    }),
  };
};
