import { readFileSync, writeFileSync } from "node:fs";
import { accessDenied } from "./denials.ts";
import { type Aggregate, aggregates } from "./lifecycle.ts";
import { currentVersion } from "./upcasters.ts";

const introduction = `# Events

<!-- Printed from schemas/lifecycle/ by \`npm run events\`; change it there. -->

What the platform decides is in the event store as these events, for other consumers, too. The stream of an aggregate is
\`<aggregate>-<project>/<id>\` (behind \`<prefix>.\` where the setting \`EVENT_STORE\` has one); revisions count from 0. Data and
metadata are JSON. A type's data change with its version only, and older versions stay in the log as they were written:
read \`schemaVersion\` first. Ignore types that you do not know: releases add some.

## Metadata

| field | what it says |
|---|---|
| \`$correlationId\` | one for all that follows from one request: that of the request (\`x-correlation-id\`), or the id of the command that began it |
| \`$causationId\` | what led to the event: the id of the command; where an event led to the command (the training worker's), that event's id; where a record of a topic did (the alert reactor's), its place \`<topic>/<partition>/<offset>\` |
| \`actor\` | who gave the command |
| \`project\`, \`aggregate\`, \`id\` | whose event it is, as the stream's name says, too; older releases wrote \`project\` alone |
| \`schemaVersion\` | version of the type that the data are of |
| \`at\` | when the command was decided, UTC milliseconds |
| \`reason\` | free text of the actor, where given |

An event's id is a UUID. With an idempotency key it is a function of project, key and index, so that a retry writes no other.

Not listed: streams \`idempotency-...\` (receipts of keys), \`name-...\` (claims on names) and \`schema-registry-...\`, which are the
platform's own business. Times below are UTC milliseconds, durations milliseconds, where nothing else is said.
`;

/** The page that documents every event, from the types as they are declared. */
export const eventsPage = (): string => {
  const sections = [...aggregates].sort().map(sectionOf);
  return `${[introduction, ...sections, denials()].join("\n")}`;
};

const source = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");

const sectionOf = (aggregate: Aggregate): string => {
  const text = source(`./lifecycle/${aggregate}.ts`);
  const rows = eventsIn(text).map(
    ({ type, data }) => `| \`${type}\` | ${currentVersion(type)} | ${code(data).replaceAll("|", "\\|")} |`,
  );
  return `## ${aggregate}\n\nStream \`${aggregate}-<project>/<id>\`.\n\n| type | version | data |\n|---|---|---|\n${rows.join("\n")}\n${declarationsOf(text)}`;
};

const denials = (): string =>
  `## Refusals\n\nStream \`denial-<project>/<actor>\`, type \`${accessDenied}\`, version 1: what the gate refused.\n${declarationsOf(source("./denials.ts"))}`;

/** The types that payloads are made of, as a block of code. */
const declarationsOf = (text: string): string => {
  const types = [...new Set([...typesIn(text), ...importedBy(text)])];
  return types.length === 0 ? "" : `\n\`\`\`ts\n${types.join("\n\n")}\n\`\`\`\n`;
};

/** Payload types on one line, without their comments. */
const code = (data: string): string => {
  const line = data
    .replace(/\/\*\*[\s\S]*?\*\//g, "")
    .replace(/\s+/g, " ")
    .replace(/; }/g, " }")
    .trim();
  return line === "Record<string, never>" ? "``" : `\`${line}\``;
};

/** `Event<"Type", Data>`, with the data's text up to the bracket that closes it. */
const eventsIn = (text: string): { type: string; data: string }[] =>
  [...text.matchAll(/\bEvent<\s*"(\w+)",/g)].map(({ 1: type, index, 0: head }) => {
    const from = index + head.length;
    let depth = 1;
    let to = from;
    for (; depth > 0; to++) {
      if (text[to] === "<") depth++;
      // Not that of an arrow.
      else if (text[to] === ">" && text[to - 1] !== "=") depth--;
    }
    return { type, data: text.slice(from, to - 1).replace(/,\s*$/, "") };
  });

/** Declarations of the types that payloads are made of, with their comments. */
const typesIn = (text: string): string[] =>
  [
    ...text.matchAll(
      /(?:^\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?^(?:export )?type (\w+)[\s\S]*?;\n(?=\n|$|export |type |\/\*\*)/gm,
    ),
  ]
    .filter(({ 1: name }) => !name.endsWith("Event"))
    .map(([declaration]) => declaration.trim().replace(/^export /gm, ""));

/** Those that the file takes from another aggregate's. */
const importedBy = (text: string): string[] =>
  [...text.matchAll(/^import (?:type )?\{ ([^}]+) \} from "\.\/(?:lifecycle\/)?([a-z-]+)\.ts";/gm)].flatMap(
    ([, names, file]) => {
      const wanted = names.split(",").map((name) => name.trim().replace(/^type /, ""));
      return typesIn(source(`./lifecycle/${file}.ts`)).filter((declaration) =>
        wanted.includes(/^type (\w+)/m.exec(declaration)?.[1] ?? ""),
      );
    },
  );

if (import.meta.main) writeFileSync(new URL("../docs/events.md", import.meta.url), eventsPage());
