import { isSign, isWord, type Token } from "../sql/lexer.ts";
import { refuse } from "./refusal.ts";
import { lowerWords } from "./words.ts";

/** What a guest's statement may take at most, and what it may ask for less of. */
export type Limits = Readonly<
  Record<"max_execution_time" | "max_memory_usage" | "max_result_bytes" | "max_threads", number>
>;

/** How rows look that come in and go out, but for what names files, servers or code. */
const formatting = /^(?:input|output)_format_\w+$|^format_(?:csv|tsv|custom|regexp)_\w+$|^(?:date_time|bool)_\w+$/;
const notFormatting = lowerWords(`
  output_format_schema output_format_avro_confluent_subject input_format_record_errors_file_path
  input_format_values_interpret_expressions input_format_values_deduce_templates_of_expressions
`);

/** How a query is computed, without bearing on what it may reach. */
const harmless = lowerWords(`
  async_insert cast_keep_nullable cast_string_to_date_time_mode count_distinct_implementation
  data_type_default_nullable distinct_overflow_mode extremes final group_by_overflow_mode group_by_use_nulls
  insert_deduplicate insert_deduplication_token insert_null_as_default join_algorithm join_any_take_last_row
  join_default_strictness join_overflow_mode join_use_nulls limit max_block_size max_bytes_before_external_group_by
  max_bytes_before_external_sort max_bytes_in_distinct max_bytes_in_join max_bytes_in_set max_bytes_to_read
  max_bytes_to_sort max_columns_to_read max_insert_block_size max_result_rows max_rows_in_distinct max_rows_in_join
  max_rows_in_set max_rows_to_group_by max_rows_to_read max_rows_to_sort min_insert_block_size_bytes
  min_insert_block_size_rows mutations_sync alter_sync offset optimize_aggregation_in_order optimize_move_to_prewhere
  optimize_read_in_order prefer_column_name_to_alias read_overflow_mode result_overflow_mode
  select_sequential_consistency session_timezone sort_overflow_mode timeout_overflow_mode transform_null_in
  union_default_mode use_index_for_in_with_subqueries wait_for_async_insert
`);

/** The setting as the guest's statement gets it. Refused, naming it, unless it is known to be harmless. */
export const guestSetting = (
  name: string,
  value: string,
  { limits, engineSettings }: { limits: Limits; engineSettings: ReadonlySet<string> },
): string => {
  const lower = name.toLowerCase();
  if (lower in limits) {
    const most = limits[lower as keyof Limits];
    // 0 means without a limit.
    return String(Number(value) > 0 ? Math.min(Number(value), most) : most);
  }
  if (notFormatting.has(lower) || !(formatting.test(lower) || harmless.has(lower))) {
    if (engineSettings.has(lower)) refuse(`the setting ${name} may not be set`);
    refuse(`Unknown setting '${name}'`, "no setting");
  }
  return value;
};

/**
 * Takes the last clause `SETTINGS name = value, ...` from the end of a statement, or what follows its FORMAT, and
 * answers the rest of the tokens and the settings.
 */
export const takeSettings = (tokens: readonly Token[]): { tokens: Token[]; settings: Map<string, string> } => {
  const settings = new Map<string, string>();
  const from = tokens.findLastIndex((token, i) => isWord(token, "SETTINGS") && isSign(tokens[i + 2], "="));
  if (from < 0 || isSign(tokens[from - 1], ".")) return { tokens: [...tokens], settings };
  const end = readSettings(tokens, from + 1, settings);
  return { tokens: [...tokens.slice(0, from), ...tokens.slice(end)], settings };
};

/** Reads `name = value, ...` from there on; answers where that ends. */
export const readSettings = (tokens: readonly Token[], from: number, settings: Map<string, string>): number => {
  let at = from;
  for (;;) {
    const [name, equals, value] = tokens.slice(at, at + 3);
    if (name?.kind !== "word" || !isSign(equals, "=") || !["string", "number", "word"].includes(value?.kind ?? "")) {
      refuse("expected SETTINGS name = value, with a plain value");
    }
    settings.set(name.text, value.kind === "string" ? unquoted(value.text) : value.text);
    at += 3;
    if (!isSign(tokens[at], ",")) return at;
    at++;
  }
};

const unquoted = (literal: string): string => {
  if (/\\/.test(literal)) refuse("a setting's value may not hold a backslash");
  return literal.slice(1, -1).replaceAll("''", "'");
};
