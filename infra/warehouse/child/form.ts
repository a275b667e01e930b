import { writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { isSign, isWord, tokensOf } from "../sql/lexer.ts";
import { readBody } from "./body.ts";
import { exception } from "./exception.ts";
import { type QueryRequest, readFields } from "./request.ts";
import { quote } from "./statement.ts";

/** Rows that come with a statement, which reads them as a table. */
export type ExternalTable = { name: string; structure: string; format: string; rows: Buffer };

const mostFormBytes = 64 << 20;

export const isForm = (request: IncomingMessage): boolean =>
  /^multipart\/form-data\b/i.test(request.headers["content-type"] ?? "");

/**
 * Reads `multipart/form-data`: fields as in the URL, files as external tables by their names, with `<name>_format`
 * (TabSeparated), and `<name>_structure` (`a UInt8, b String`) or `<name>_types` (columns `_1`, `_2` ...) in the URL or the form.
 */
export const readForm = async (request: IncomingMessage, asked: QueryRequest): Promise<ExternalTable[]> => {
  const body = await readBody(request, asked.bodyCoding, mostFormBytes);
  const form = await formOf(body, request.headers["content-type"] as string);
  const files: [string, File][] = [];
  const fields: [string, string][] = [];
  for (const [name, value] of form) {
    if (typeof value === "string") fields.push([name, value]);
    else files.push([name, value]);
  }
  readFields(asked, fields);
  return Promise.all(files.map(async ([name, file]) => tableOf(asked, name, Buffer.from(await file.arrayBuffer()))));
};

const formOf = async (body: Buffer, type: string): Promise<FormData> => {
  try {
    return await new Response(new Uint8Array(body), { headers: { "content-type": type } }).formData();
  } catch (error) {
    throw refused(`The form cannot be read: ${(error as Error).message}`);
  }
};

const tableOf = ({ settings }: QueryRequest, name: string, rows: Buffer): ExternalTable => {
  const take = (suffix: string): string | null => {
    const value = settings.get(`${name}_${suffix}`) ?? null;
    settings.delete(`${name}_${suffix}`);
    return value;
  };
  const [format, structure, types] = [take("format") ?? "TabSeparated", take("structure"), take("types")];
  if (!/^[A-Za-z_]\w*$/.test(name)) throw refused(`The name of an external table is no identifier: ${name}`);
  if (!/^\w+$/.test(format)) throw exception(400, 73, "UNKNOWN_FORMAT", `Unknown format of ${name}`);
  if ((structure === null) === (types === null)) {
    throw refused(`The external table ${name} needs ${name}_structure or ${name}_types, one of them`);
  }
  return { name, format, rows, structure: structure === null ? columnsOf(types ?? "") : checked(structure, name) };
};

/** `UInt8, Array(String)` as `_1 UInt8, _2 Array(String)`. */
const columnsOf = (types: string): string => {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (const { text, at, kind } of tokensOf(checked(types, "the types"))) {
    if (kind !== "sign") continue;
    if (text === "(") depth++;
    else if (text === ")") depth--;
    else if (text === "," && depth === 0) {
      parts.push(types.slice(from, at));
      from = at + 1;
    }
  }
  parts.push(types.slice(from));
  return parts.map((type, i) => `_${i + 1} ${type}`).join(", ");
};

const more = ["DEFAULT", "MATERIALIZED", "ALIAS", "EPHEMERAL", "CODEC", "TTL", "SETTINGS", "CONSTRAINT", "INDEX"];

/** Names and types, and nothing that computes. */
const checked = (structure: string, name: string): string => {
  const isKnown = tokensOf(structure).every(
    (token) =>
      (token.kind === "word" && !isWord(token, ...more)) ||
      ["name", "string", "number"].includes(token.kind) ||
      isSign(token, "(", ")", ",", "=", "-"),
  );
  if (isKnown && structure.trim() !== "") return structure;
  throw refused(`The structure of ${name} may hold names and types only: a UInt8, b Array(String)`);
};

/** Writes the rows where the engine reads them; answers the statements that make the table. */
export const externalTable = async (
  { name, structure, format, rows }: ExternalTable,
  file: string,
): Promise<string[]> => {
  await writeFile(file, rows);
  const create = `CREATE TEMPORARY TABLE \`${name}\` (${structure}) ENGINE = Memory`;
  if (rows.length === 0) return [create];
  return [create, `INSERT INTO \`${name}\` FROM INFILE ${quote(file)} FORMAT ${format}`];
};

const refused = (message: string) => exception(400, 36, "BAD_ARGUMENTS", message);
