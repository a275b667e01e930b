/** A warehouse query weighs as much as so many documents. */
export const WAREHOUSE_COST = 50;

type Given<T> = { [K in keyof T]?: Exclude<T[K], null | undefined> };

/** Arguments without those that are null or not given: the warehouse knows only what to filter by. */
export const given = <T extends object>(args: T): Given<T> =>
  Object.fromEntries(Object.entries(args).filter(([, value]) => value !== null && value !== undefined)) as Given<T>;
