/**
 * An INSERT whose rows follow apart from its text: `INSERT INTO t (a, b) SETTINGS x = 1 FORMAT RowBinary`.
 * `head` is everything before SETTINGS.
 */
export type DataInsert = { head: string; settings: string; format: string };

const name = '(?:[\\w$]+|`(?:[^`\\\\]|\\\\.)+`|"(?:[^"\\\\]|\\\\.)+")';
const columns = "\\((?:[^()]|\\([^()]*\\))*\\)";
const dataInsert = new RegExp(
  `^\\s*(INSERT\\s+INTO\\s+(?:TABLE\\s+)?${name}(?:\\s*\\.\\s*${name})?(?:\\s*${columns})?)` +
    `(?:\\s+SETTINGS\\s+([^;]*?))?\\s+(?:FORMAT\\s+(\\w+)|(VALUES))`,
  "i",
);

/** Reads the head of an INSERT and says where its rows begin, or null when the text is another statement. */
export const parseDataInsert = (text: string): (DataInsert & { dataAt: number }) | null => {
  const match = dataInsert.exec(text);
  if (match === null) return null;
  const [whole, head, settings, format] = match;
  // The rest of the format's own line is not data, as in ClickHouse.
  const gap = /^[ \t]*;?[ \t]*\r?\n?/.exec(text.slice(whole.length))?.[0].length ?? 0;
  return { head, settings: settings ?? "", format: format ?? "Values", dataAt: whole.length + gap };
};

/**
 * One insert must be one block, for a block is what MergeTree writes as a whole: squash whatever the file holds,
 * parse it with one thread, and never buffer it as an asynchronous insert.
 */
const oneBlock =
  "max_threads = 1, max_insert_threads = 1, input_format_parallel_parsing = 0, max_insert_block_size = 100000000, " +
  "min_insert_block_size_rows = 100000000, min_insert_block_size_bytes = 8000000000";

/** The statement that reads the rows from a file. */
export const insertFromFile = (insert: DataInsert, file: string): string =>
  `${insert.head} FROM INFILE ${quote(file)} SETTINGS ${oneBlock}` +
  `${insert.settings === "" ? "" : `, ${insert.settings}`} FORMAT ${insert.format}`;

/** A ClickHouse string literal. */
export const quote = (text: string): string =>
  `'${text.replace(/[\\'\n\t\r\0]/g, (character) => escapes[character] ?? character)}'`;

const escapes: Record<string, string> = {
  "\\": "\\\\",
  "'": "\\'",
  "\n": "\\n",
  "\t": "\\t",
  "\r": "\\r",
  "\0": "\\0",
};
