import type { CollectionName, DocumentBase, ListOptions } from "./types.ts";

/** Where documents and their indexes lie in the online store. `home` is `homeOf` the project. */
export type Order = NonNullable<ListOptions["order"]>;

export const documentsPrefix = (generation: number): string => `doc:${generation}:`;

export const documentKey = (generation: number, collection: CollectionName, home: string, id: string): string =>
  `doc:${generation}:${collection}:${home}:${id}`;

export const indexOf = (generation: number, collection: CollectionName, home: string, order: Order): string =>
  `doc:${generation}:${collection}:${home}:${order}`;

/** Runs and logged models have lists by experiment, too: a page of one costs nothing for the runs of others. */
export const isWithinExperiment = (collection: CollectionName): boolean =>
  collection === "runs" || collection === "loggedModels";

/** The homes of the lists that hold a document: the project's, and its experiment's where it has one. */
export const listHomes = (collection: CollectionName, home: string, document: DocumentBase): readonly string[] =>
  isWithinExperiment(collection)
    ? [home, homeOfExperiment(home, (document as DocumentBase & { experiment: string }).experiment)]
    : [home];

/** A project's name has no slash, so that this is no project's home. */
export const homeOfExperiment = (home: string, experiment: string): string => `${home}/${experiment}`;

/** Sorts below every character of a name, so that a name comes before those it begins. */
const SEPARATOR = "\u0001";

/** Digits by which version numbers sort as text. */
export const VERSION_DIGITS = 10;

type NameField = { field: string; isNumber?: boolean };

/** What a list by name is sorted by, where that is not the id: fields, joined by a slash. Live lists and the past agree. */
export const nameFields: { readonly [C in CollectionName]?: readonly NameField[] } = {
  projects: [{ field: "name" }],
  experiments: [{ field: "name" }],
  datasetVersions: [{ field: "dataset" }, { field: "version", isNumber: true }],
  modelVersions: [{ field: "model" }, { field: "version", isNumber: true }],
};

const nameOf = (collection: CollectionName, document: DocumentBase): string => {
  const fields = nameFields[collection];
  if (fields === undefined) return document.id;
  const values = document as unknown as Record<string, string | number>;
  return fields
    .map(({ field, isNumber }) => (isNumber ? String(values[field]).padStart(VERSION_DIGITS, "0") : values[field]))
    .join("/");
};

/** Member of the index by name: equal names are told apart by their ids. */
export const nameMember = (collection: CollectionName, document: DocumentBase): string =>
  `${nameOf(collection, document)}${SEPARATOR}${document.id}`;

/** Id of the document behind an index's member. */
export const idOfMember = (order: Order, member: string): string =>
  order === "name" ? member.slice(member.lastIndexOf(SEPARATOR) + 1) : member;
