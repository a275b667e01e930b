import { AsyncLocalStorage } from "node:async_hooks";

const current = new AsyncLocalStorage<AbortSignal>();

/** Does the work for a client; what it asks of the warehouse ends when the signal says that the client has left. */
export const forClient = (signal: AbortSignal, work: () => void): void => current.run(signal, work);

/** Of the client that is being answered; undefined where nobody waits, as in roles and sinks. */
export const clientSignal = (): AbortSignal | undefined => current.getStore();
