import { fileURLToPath } from "node:url";
import { zstdDecompressSync } from "node:zlib";
import { asyncBufferFromFile, parquetRead } from "hyparquet";

/**
 * 3,000,000 US flights of January to June 2001 (npm vega-datasets, BSD-3), ordered by scheduled departure.
 * Times are local in the data and taken as UTC. The landing time is not in the data: it is the actual departure
 * plus half an hour of taxiing and the distance at 500 miles an hour.
 */
export type Flights = {
  count: number;
  airports: string[];
  /** UTC milliseconds. */
  scheduled: Float64Array;
  landed: Float64Array;
  /** Minutes. */
  delay: Int16Array;
  /** Miles. */
  distance: Uint16Array;
  /** Indices into airports. */
  origin: Uint16Array;
  destination: Uint16Array;
};

const minuteMs = 60_000;
const taxiMinutes = 30;
const milesPerMinute = 500 / 60;

/** Reads flights scheduled in [from, to). */
export const readFlights = async (from: number, to: number): Promise<Flights> => {
  const path = fileURLToPath(new URL("../data/flights-3m.parquet", import.meta.resolve("vega-datasets")));
  const file = await asyncBufferFromFile(path);
  const chunks = new Map<string, { rowStart: number; values: ArrayLike<unknown> }[]>();
  await parquetRead({
    file,
    compressors: { ZSTD: (input: Uint8Array) => zstdDecompressSync(input) },
    onChunk: ({ columnName, columnData, rowStart }) => {
      const held = chunks.get(columnName) ?? [];
      held.push({ rowStart, values: columnData as ArrayLike<unknown> });
      chunks.set(columnName, held);
    },
  });
  /** Row groups arrive in any order. */
  const columnOf = (name: string): ArrayLike<unknown>[] =>
    (chunks.get(name) ?? []).sort((a, b) => a.rowStart - b.rowStart).map(({ values }) => values);
  const dates = columnOf("date");
  const total = dates.reduce((sum, chunk) => sum + chunk.length, 0);
  const flights: Flights = {
    count: 0,
    airports: [],
    scheduled: new Float64Array(total),
    landed: new Float64Array(total),
    delay: new Int16Array(total),
    distance: new Uint16Array(total),
    origin: new Uint16Array(total),
    destination: new Uint16Array(total),
  };
  const indices = new Map<string, number>();
  const airport = (code: string): number => {
    const known = indices.get(code);
    if (known !== undefined) return known;
    indices.set(code, flights.airports.length);
    return flights.airports.push(code) - 1;
  };
  const [delays, distances, origins, destinations] = ["delay", "distance", "origin", "destination"].map((name) =>
    columnOf(name).flatMap((chunk) => Array.from(chunk)),
  );
  let row = 0;
  for (const chunk of dates) {
    for (const date of Array.from(chunk) as Date[]) {
      const time = date.getTime();
      if (time >= from && time < to) {
        const i = flights.count++;
        flights.scheduled[i] = time;
        flights.delay[i] = Number(delays[row]);
        flights.distance[i] = Number(distances[row]);
        flights.origin[i] = airport(origins[row] as string);
        flights.destination[i] = airport(destinations[row] as string);
        const air = flights.delay[i] + taxiMinutes + Math.round(flights.distance[i] / milesPerMinute);
        flights.landed[i] = time + Math.max(1, air) * minuteMs;
      }
      row += 1;
    }
  }
  return flights;
};

/** Indices of the flights in the order in which they land. */
export const landingOrder = (flights: Flights): Uint32Array => {
  const order = new Uint32Array(flights.count);
  for (let i = 0; i < order.length; i++) order[i] = i;
  const { landed } = flights;
  return order.sort((a, b) => landed[a] - landed[b] || a - b);
};

export type Chunk = {
  /** Flights that are due to leave, and flights that have landed, each in the order of their time. */
  departures: number[];
  arrivals: number[];
  /** Newest event time in the chunk, UTC ms. */
  until: number;
  /** Flights that have left by the end of the chunk. */
  departed: number;
};

/** The world's events in event time, cut into chunks of about `size` events; one cut is before flight `boundary`. */
export function* chunks(flights: Flights, order: Uint32Array, size: number, boundary = -1): Generator<Chunk> {
  const { scheduled, landed, count } = flights;
  let departing = 0;
  let landing = 0;
  while (landing < count) {
    const chunk: Chunk = { departures: [], arrivals: [], until: 0, departed: 0 };
    for (let taken = 0; taken < size && landing < count; taken++) {
      const arrival = landed[order[landing]];
      if (departing < count && scheduled[departing] <= arrival) {
        if (departing === boundary && taken > 0) break;
        chunk.until = scheduled[departing];
        chunk.departures.push(departing++);
      } else {
        chunk.until = arrival;
        chunk.arrivals.push(order[landing++]);
      }
    }
    chunk.departed = departing;
    yield chunk;
  }
}

/** The first `count` flights. */
export const firstFlights = (flights: Flights, count: number): Flights => ({
  ...flights,
  count: Math.min(count, flights.count),
});

/** Index of the first flight that is due at or after this moment. */
export const firstFrom = (flights: Flights, time: number): number => {
  let low = 0;
  let high = flights.count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (flights.scheduled[middle] < time) low = middle + 1;
    else high = middle;
  }
  return low;
};
