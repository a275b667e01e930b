import { MillraceError } from "../schemas/errors.ts";

/** The state of a thing that must exist. NOT_FOUND. */
export const existing = <State>(state: State | null, what: string): State => {
  if (state === null) throw new MillraceError("NOT_FOUND", `${what} does not exist; create it first`);
  return state;
};

/** ALREADY_EXISTS for a create that is not the repetition of what made the thing. */
export const taken = (what: string): MillraceError =>
  new MillraceError("ALREADY_EXISTS", `${what} exists with another definition; choose another name or change it`);

/** ILLEGAL_STATE: the message says what stands in the way and how to get past it. */
export const refused = (message: string): MillraceError => new MillraceError("ILLEGAL_STATE", message);
