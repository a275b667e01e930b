/** The tags without one of them. */
export const withoutKey = (tags: Record<string, string>, key: string): Record<string, string> =>
  Object.fromEntries(Object.entries(tags).filter(([name]) => name !== key));
