/** NaN is how a missing feature is stored; JSON has null for it. */
export const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
