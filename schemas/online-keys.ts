/**
 * Index of the online store: how many records each partition (the member) of a view's version was built without, where
 * there are any.
 */
export const unreadIndex = (project: string, view: string, version: number): string =>
  `view-unread:${project}:${view}:${version}`;
