/** The fields of one CSV row (RFC 4180), without quotes. */
export const csvFields = (row: string): string[] => {
  const fields: string[] = [];
  const text = row.replace(/^\uFEFF/, "").replace(/\r?\n$/, "");
  let at = 0;
  for (;;) {
    if (text[at] === '"') {
      const quoted = /^"((?:[^"]|"")*)"?/.exec(text.slice(at)) as RegExpExecArray;
      const end = text.indexOf(",", at + quoted[0].length);
      fields.push(quoted[1].replaceAll('""', '"'));
      if (end < 0) return fields;
      at = end + 1;
      continue;
    }
    const end = text.indexOf(",", at);
    fields.push(text.slice(at, end < 0 ? undefined : end).trim());
    if (end < 0) return fields;
    at = end + 1;
  }
};
