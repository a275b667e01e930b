/** A path without the slashes at its end. `/\/+$/` takes the square of their number where something follows them. */
export const withoutTrailingSlashes = (path: string): string => {
  let end = path.length;
  while (end > 0 && path[end - 1] === "/") end--;
  return path.slice(0, end);
};
