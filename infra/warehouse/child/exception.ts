/** A failure as ClickHouse's HTTP interface reports it: `Code: <n>. DB::Exception: <message>. (<NAME>)`. */
export class HttpException extends Error {
  readonly status: number;
  readonly code: number;

  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export const exception = (status: number, code: number, name: string, message: string): HttpException =>
  new HttpException(status, code, `Code: ${code}. DB::Exception: ${message}. (${name})`);

/** As `exceptionCodeToHTTPStatus` in ClickHouse's src/Server/HTTP/exceptionCodeToHTTPStatus.cpp. */
const statuses: readonly [status: number, codes: readonly number[]][] = [
  [400, [6, 25, 26, 27, 33, 36, 38, 41, 42, 43, 44, 53, 62, 69, 70, 72, 117, 130, 321, 344, 376, 386, 456]],
  [404, [16, 46, 47, 50, 56, 60, 63, 73, 78, 81, 99, 115, 336]],
  [403, [164, 497, 516]],
  [501, [48]],
  [507, [243]],
  [408, [159]],
];

export const statusOf = (code: number): number => statuses.find(([, codes]) => codes.includes(code))?.[0] ?? 500;

const waysOut: Readonly<Record<number, string>> = {
  158: "read fewer rows: narrow WHERE",
  159: "narrow WHERE, or ask for the rows in pages: ORDER BY key LIMIT n, then WHERE key > the last one",
  241: "group by fewer keys, or ask for the rows in pages: ORDER BY key LIMIT n, then WHERE key > the last one",
  396: "ask for the rows in pages: ORDER BY key LIMIT n, then WHERE key > the last one",
};

/** A failure that names a limit, with what can be done about it. */
export const withWayOut = (failure: HttpException): HttpException => {
  const way = waysOut[failure.code];
  return way === undefined
    ? failure
    : new HttpException(failure.status, failure.code, `${failure.message.trim()}; ${way}`);
};

/** What a library of a format throws, the engine passes on as a defect of its own; it is what the caller asked for. */
const ofFormat = /Code: 1001[\s\S]*type: ((?:avro|parquet|arrow|orc)::\w+), e\.what\(\) = ([\s\S]*?)(?: \(version |$)/;

/** An engine's error, its message as ClickHouse's server would send it. */
export const fromEngine = (error: unknown): HttpException => {
  if (error instanceof HttpException) return error;
  const message = error instanceof Error ? error.message : String(error);
  const format = ofFormat.exec(message);
  if (format !== null) return exception(400, 36, "BAD_ARGUMENTS", `${format[1]}: ${format[2]}`);
  const code = Number(/Code: (\d+)/.exec(message)?.[1] ?? 1002);
  const text = message.startsWith("Code:") ? message : `Code: ${code}. DB::Exception: ${message}`;
  return new HttpException(statusOf(code), code, text);
};
