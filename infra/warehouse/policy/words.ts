/** The words of a text in lower case: names are compared without regard to case. */
export const lowerWords = (text: string): ReadonlySet<string> =>
  new Set(text.toLowerCase().split(/\s+/).filter(Boolean));
