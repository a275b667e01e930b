const QUOTE = 0x22;
const LF = 0x0a;
const CR = 0x0d;

export type CsvSink = {
  /** The bytes of a value without its quotes; valid until the next. Its column counts from 0. */
  value(bytes: Buffer, length: number, isQuoted: boolean, column: number): void;
  /** A row has ended; `isBlank` where its line has no character. */
  row(columns: number, isBlank: boolean): void;
};

/** Where a reader is: the line in which its row begins, from 1, and the column, from 0. */
export type CsvPlace = { line: number; column: number };

/** What stands behind the closing quote of a value. */
export class CsvQuoteError extends Error {}

/**
 * Reads CSV (RFC 4180) chunk by chunk: every character between two separators is the value's, blanks, too. A row ends
 * in LF, CRLF or CR. A quote within an unquoted value is a character like others; one that closes a value must be its
 * last: else `CsvQuoteError`.
 */
export type CsvReader = {
  push(chunk: Uint8Array): void;
  /** The last row may have no line end. */
  end(): void;
  place(): CsvPlace;
  /** The line where the quoted value begins that is still open; null outside of quotes. */
  openedAt(): number | null;
  /** Bytes of the row that the bytes so far end in. */
  rowBytes(): number;
};

const atStart = 0;
const plain = 1;
const quoted = 2;
const closed = 3;

export const csvReader = (separator: number, sink: CsvSink): CsvReader => {
  let state = atStart;
  let value = Buffer.allocUnsafeSlow(1024);
  let length = 0;
  let column = 0;
  let line = 1;
  let rowLine = 1;
  let opened = 1;
  let bytes = 0;
  let rowBegin = 0;
  /** The byte before was CR: a LF belongs to it. */
  let afterCr = false;

  const add = (byte: number): void => {
    if (length === value.length) value = Buffer.concat([value], length * 2);
    value[length++] = byte;
  };
  const endValue = (): void => {
    sink.value(value, length, state >= quoted, column);
    length = 0;
    column++;
    state = atStart;
  };
  const endRow = (after: number): void => {
    const isBlank = column === 0 && state === atStart;
    endValue();
    sink.row(column, isBlank);
    column = 0;
    rowLine = line;
    rowBegin = after;
  };
  const ofLineEnd = (byte: number): boolean => {
    const isSecond = byte === LF && afterCr;
    afterCr = byte === CR;
    if (!isSecond) line++;
    return !isSecond;
  };
  const unquoted = (byte: number, at: number): void => {
    if (byte === separator) {
      endValue();
      return;
    }
    if (byte === LF || byte === CR) {
      if (ofLineEnd(byte)) endRow(bytes + at + 1);
      else rowBegin = bytes + at + 1;
      return;
    }
    afterCr = false;
    if (state === closed) {
      throw new CsvQuoteError(
        `${JSON.stringify(String.fromCharCode(byte))} stands behind the closing quote of a value; a quote within a value is written twice`,
      );
    }
    if (byte === QUOTE && state === atStart) {
      state = quoted;
      opened = line;
      return;
    }
    state = plain;
    add(byte);
  };

  return {
    push(chunk) {
      for (let i = 0; i < chunk.length; i++) {
        const byte = chunk[i];
        if (state === quoted) {
          if (byte === LF || byte === CR) ofLineEnd(byte);
          else afterCr = false;
          if (byte === QUOTE) state = closed;
          else add(byte);
        } else if (state === closed && byte === QUOTE) {
          state = quoted;
          add(QUOTE);
        } else unquoted(byte, i);
      }
      bytes += chunk.length;
    },
    end() {
      if (bytes > rowBegin) endRow(bytes);
    },
    place: () => ({ line: rowLine, column }),
    openedAt: () => (state === quoted ? opened : null),
    rowBytes: () => bytes - rowBegin,
  };
};
