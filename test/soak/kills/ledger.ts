import { type ProduceCall, randomOf } from "../../e2e/flights.ts";

/** A command that was acknowledged: what in its event tells it from every other. */
export type Acknowledged = { type: string; marker: string };

/** A point of a run's metric that was acknowledged. */
export type Point = { run: string; step: number; value: number };

/**
 * What the clients of one platform know: the calls of records in their order, and what was acknowledged. After each
 * disturbance the platform must hold all of it once, and nothing else.
 */
export type Ledger = {
  calls: ProduceCall[];
  /** So many of the calls were acknowledged, or found in the log after their answer was lost. */
  held: number;
  /** After a power cut the log may hold fewer calls than were acknowledged, but not fewer than these. */
  leastHeld: number | null;
  commands: Acknowledged[];
  points: Point[];
  /** Grows when the log falls back: what is written then differs from all that was written before. */
  generation: number;
};

export const newLedger = (): Ledger => ({
  calls: [],
  held: 0,
  leastHeld: null,
  commands: [],
  points: [],
  generation: 0,
});

/** Where a ledger was at some moment, to go back to when the log does. */
export type Mark = { held: number; commands: number; points: number };

export const markOf = ({ held, commands, points }: Ledger): Mark => ({
  held,
  commands: commands.length,
  points: points.length,
});

/** The log is as it was at the mark. */
export const fallBack = (ledger: Ledger, mark: Mark): void => {
  ledger.commands.length = mark.commands;
  ledger.points.length = mark.points;
  holdOnly(ledger, mark.held);
};

const holdOnly = (ledger: Ledger, held: number): void => {
  ledger.held = held;
  ledger.calls.length = held;
  ledger.generation++;
};

/** Takes over which calls the log holds. Answers what is wrong with that, or null. */
export const takeOver = (ledger: Ledger, found: number): string | null => {
  const { held, leastHeld } = ledger;
  ledger.leastHeld = null;
  if (found >= held) {
    ledger.held = found;
    return null;
  }
  holdOnly(ledger, found);
  return found >= (leastHeld ?? held) ? null : `${held - found} of ${held} acknowledged calls of records are gone`;
};

const airports = ["ATL", "BOS", "DEN", "DFW", "JFK", "LAX", "MIA", "ORD", "PHX", "SEA", "SFO", "SLC"];
const firstAt = Date.UTC(2001, 2, 1);
const minute = 60_000;
const flightsACall = 40;

/** The next call to be sent: departures, and in the call after them the arrivals of the same flights. */
export const callAt = (ledger: Ledger, index: number): ProduceCall => {
  while (ledger.calls.length <= index) {
    const at = ledger.calls.length;
    const before = ledger.calls[at - 1];
    ledger.calls.push(at % 2 === 0 ? departures(at, ledger.generation) : arrivals(before.records));
  }
  return ledger.calls[index];
};

const departures = (call: number, generation: number): ProduceCall => {
  const random = randomOf(call * 1000 + generation);
  const pick = (): string => airports[Math.floor(random() * airports.length)];
  const records = Array.from({ length: flightsACall }, (_, i) => {
    const value = {
      flight: `g${generation}-${call}-${i}`,
      origin: pick(),
      destination: pick(),
      scheduled: firstAt + call * 5 * minute + Math.floor(random() * 5 * minute),
      distance: Math.floor(100 + random() * 2500),
    };
    return JSON.stringify({ value });
  });
  return { topic: "departures", records };
};

/** How late a flight lands follows from its distance: no two worlds need to agree on a random number. */
const arrivals = (records: readonly string[]): ProduceCall => ({
  topic: "arrivals",
  records: records.map((record) => {
    const { flight, origin, destination, scheduled, distance } = JSON.parse(record).value;
    const landed = scheduled + 30 * minute;
    return JSON.stringify({ value: { flight, origin, destination, landed, delay: (distance % 91) - 20 } });
  }),
});

/** Business keys of the departures of the first so many calls. */
export const flightsIn = ({ calls, held }: Ledger, topic: ProduceCall["topic"]): string[] =>
  calls
    .slice(0, held)
    .filter((call) => call.topic === topic)
    .flatMap(({ records }) => records.map((record) => JSON.parse(record).value.flight as string));
