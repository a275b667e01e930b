const QUOTE = 0x22;
const COMMA = 0x2c;
const LF = 0x0a;
const CR = 0x0d;

/**
 * Follows a CSV file (RFC 4180) chunk by chunk: where rows begin, and whether it ends within quotes. Rows and lines
 * are counted from 1, the header is row 1; a quoted value may go over several lines.
 */
export type CsvScan = {
  push(chunk: Uint8Array): void;
  /** The line where the quoted value begins that is still open; null outside of quotes. */
  openedAt(): number | null;
  /** The line where the wanted row begins; null while it has not begun. */
  lineOfRow(): number | null;
  /** Bytes up to and with the end of row 1; null while it has not ended. */
  headerBytes(): number | null;
  /** The row that the bytes so far end in, the line where it begins, and how many bytes it has as yet. */
  openRow(): { row: number; line: number; bytes: number };
};

export const csvScan = (wantedRow = 0): CsvScan => {
  let isQuoted = false;
  /** The byte before was a quote that ended a quoted value, or is the first half of an escaped one. */
  let wasClosed = false;
  let isAtStart = true;
  let row = 1;
  let line = 1;
  let opened = 1;
  let bytes = 0;
  let rowLine = 1;
  let rowBegin = 0;
  let header: number | null = null;
  let found = wantedRow === 1 ? 1 : null;
  return {
    push(chunk) {
      for (let i = 0; i < chunk.length; i++) {
        const byte = chunk[i];
        if (byte === LF) line++;
        if (isQuoted) {
          if (byte === QUOTE) {
            isQuoted = false;
            wasClosed = true;
          }
          continue;
        }
        if (byte === QUOTE && (isAtStart || wasClosed)) {
          isQuoted = true;
          if (isAtStart) opened = line;
          isAtStart = false;
          wasClosed = false;
          continue;
        }
        wasClosed = false;
        isAtStart = byte === COMMA || byte === LF || byte === CR;
        if (byte !== LF) continue;
        header ??= bytes + i + 1;
        row++;
        rowLine = line;
        rowBegin = bytes + i + 1;
        if (row === wantedRow) found = line;
      }
      bytes += chunk.length;
    },
    openedAt: () => (isQuoted ? opened : null),
    lineOfRow: () => found,
    headerBytes: () => header,
    openRow: () => ({ row, line: rowLine, bytes: bytes - rowBegin }),
  };
};
