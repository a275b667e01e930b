import type { Order } from "./keys.ts";

/** Documents as of a moment, from their history in the warehouse. `home` is "*" for projects, else the project. */
export type AsOfReader = {
  get(collection: string, home: string, id: string, at: number): Promise<unknown | null>;
  list(
    collection: string,
    home: string,
    options: { at: number; first: number; after?: string; order?: Order; reverse?: boolean; experiment?: string },
  ): Promise<{ items: { cursor: string; node: unknown }[]; hasNext: boolean }>;
};
