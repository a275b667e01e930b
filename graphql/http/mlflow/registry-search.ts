import type { ModelDocument } from "../../../projections/documents/types.ts";
import type { SearchKind, Values } from "../../../projections/tracking/index.ts";
import { type ListSearch, oneValue, ownValue, searchList } from "./lists.ts";
import { nameOf, type RegisteredVersion } from "./registry-reads.ts";

type Attributes = Readonly<Record<string, string | number | null>>;

/** Prompts are kept as models with this tag. What lacks it is none, and only who asks for prompts is given them. */
const PROMPT_TAG = "mlflow.prompt.is_prompt";
const NO_PROMPTS = `tag.\`${PROMPT_TAG}\` != 'true'`;

const withoutPrompts = (filter = ""): string => {
  if (filter.includes(PROMPT_TAG)) return filter;
  return filter.trim() === "" ? NO_PROMPTS : `${filter} AND ${NO_PROMPTS}`;
};

const valuesOf =
  (attributes: Attributes, tags: Readonly<Record<string, string>>): Values =>
  ({ entity, key }) => {
    if (entity !== "tag") return oneValue(attributes[key]);
    return key === PROMPT_TAG && !Object.hasOwn(tags, key) ? ["false"] : ownValue(tags, key);
  };

const timesOf = ({ createdAt, updatedAt }: { createdAt: number; updatedAt: number }) => ({
  creation_timestamp: createdAt,
  last_updated_timestamp: updatedAt,
});

export const modelValues = (model: ModelDocument): Values =>
  valuesOf({ name: nameOf(model), ...timesOf(model) }, model.tags);

export const versionValues = ({ model, version }: RegisteredVersion): Values =>
  valuesOf(
    {
      name: nameOf(model),
      run_id: version.run ?? version.foreignRun ?? null,
      source_path: version.source,
      version_number: version.version,
      ...timesOf(version),
    },
    version.tags,
  );

/** One page of what meets the filter, prompts left out; no token of a next one at the end. */
export const searchPage = <T>(
  kind: SearchKind,
  items: readonly T[],
  valuesOfItem: (item: T) => Values,
  request: ListSearch,
  otherwise: readonly string[],
): { page: T[]; next: string | undefined } => {
  const search = { ...request, filter: withoutPrompts(request.filter) };
  return searchList(kind, items, valuesOfItem, search, otherwise);
};
