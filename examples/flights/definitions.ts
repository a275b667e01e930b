/** Everything that the example asks the platform to be: sources, views, columns, model, deployment, monitor. */
export const project = "flights";
export const endpoint = "delays";
export const partitions = 4;

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

const record = (name: string, fields: [string, string][]): string =>
  JSON.stringify({
    type: "record",
    name,
    namespace: "flights",
    fields: fields.map(([field, type]) => ({ name: field, type })),
  });

export const sources = [
  {
    id: "departures",
    topic: "departures",
    key: "origin",
    timestamp: "scheduled",
    partitions,
    schema: record("Departure", [
      ["flight", "string"],
      ["origin", "string"],
      ["destination", "string"],
      ["scheduled", "long"],
      ["distance", "int"],
    ]),
  },
  {
    id: "arrivals",
    topic: "arrivals",
    key: "origin",
    timestamp: "landed",
    partitions,
    schema: record("Arrival", [
      ["flight", "string"],
      ["origin", "string"],
      ["destination", "string"],
      ["landed", "long"],
      ["delay", "int"],
    ]),
  },
];

const lateness = 2 * hour;
const late = "event.delay > 15 ? 1.0 : 0.0";

const delays = (windows: Record<string, number>) =>
  Object.entries(windows).flatMap(([name, windowMs]) => [
    { name: `mean_delay_${name}`, source: "arrivals", function: "mean", value: "event.delay", windowMs },
    { name: `late_share_${name}`, source: "arrivals", function: "mean", value: late, windowMs },
  ]);

const departures = (windows: Record<string, number>) =>
  Object.entries(windows).map(([name, windowMs]) => ({
    name: `departures_${name}`,
    source: "departures",
    function: "count",
    windowMs,
  }));

export const views = [
  {
    id: "origin",
    definition: {
      entity: { name: "airport", key: ["origin"] },
      allowedLatenessMs: lateness,
      features: [
        ...departures({ "1h": hour, "6h": 6 * hour }),
        ...delays({ "1h": hour, "6h": 6 * hour, "1d": day, "7d": 7 * day }),
        { name: "max_delay_6h", source: "arrivals", function: "max", value: "event.delay", windowMs: 6 * hour },
      ],
    },
  },
  {
    id: "route",
    definition: {
      entity: { name: "route", key: ["origin", "destination"] },
      allowedLatenessMs: lateness,
      features: [
        ...departures({ "1d": day }),
        ...delays({ "1d": day, "7d": 7 * day }),
        { name: "last_delay", source: "arrivals", function: "last", value: "event.delay", windowMs: 7 * day },
      ],
    },
  },
];

const ownColumns = [
  { name: "hour", from: "hour(time)" },
  { name: "weekday", from: "weekday(time)" },
  { name: "distance", from: "event.distance" },
];

/** What is known of the departure itself, and with it what the streams know. */
export const columns = {
  plain: ownColumns,
  streaming: [
    ...ownColumns,
    ...views.flatMap((view) =>
      view.definition.features.map(({ name }) => ({ name: `${view.id}_${name}`, from: `${view.id}:${name}` })),
    ),
  ],
};

export const outcome = { source: "arrivals", key: ["flight"], value: "event.delay > 15", horizonMs: 2 * day };

export const monitor = {
  id: "input-drift",
  definition: {
    kind: "drift",
    deployment: endpoint,
    statistic: "psi",
    threshold: 0.25,
    windowMs: 7 * day,
    minRows: 2000,
    columns: ["origin_late_share_7d", "origin_mean_delay_1d", "route_late_share_7d", "distance", "prediction"],
  },
};

export const trainingSpec = (model: string, kind: keyof typeof columns, from: number, to: number) => ({
  model,
  task: "binary",
  trigger: "departures",
  columns: columns[kind],
  label: outcome,
  from,
  to,
  algorithm: "gradient-boosting",
  parameters: { trees: 100, learningRate: 0.1, maxLeaves: 31, maxDepth: 6, validationShare: 0.2, seed: 7 },
});
