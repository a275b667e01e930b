const SPINS = 200;

/**
 * Waits until all workers are here. Spins a moment, since phases are short, then sleeps, since the machine may have
 * better uses for the core. `state` holds the number of those that wait and the generation.
 */
export const barrier = (state: Int32Array, workers: number): void => {
  if (workers === 1) return;
  const generation = Atomics.load(state, 1);
  if (Atomics.add(state, 0, 1) === workers - 1) {
    Atomics.store(state, 0, 0);
    Atomics.add(state, 1, 1);
    Atomics.notify(state, 1);
    return;
  }
  for (let spin = 0; spin < SPINS; spin++) if (Atomics.load(state, 1) !== generation) return;
  while (Atomics.load(state, 1) === generation) Atomics.wait(state, 1, generation);
};
