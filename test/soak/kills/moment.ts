/** Waits for a while: what happens meanwhile is the point of it. */
export const moment = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));
