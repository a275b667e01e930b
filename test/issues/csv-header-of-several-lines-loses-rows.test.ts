import assert from "node:assert/strict";
import { test } from "node:test";
import { openDatasets } from "../support/datasets.ts";

/** The lines of the header were skipped by one too many for each line break within a quoted name. */
test("a CSV whose header goes over several lines keeps all its rows", async (t) => {
  const { load, cells, close } = await openDatasets();
  t.after(close);
  const files: [content: string, names: string[], rows: string[][]][] = [
    [
      '"a\nb",c\n1,2\n3,4\n5,6\n',
      ["a\nb", "c"],
      [
        ["1", "2"],
        ["3", "4"],
        ["5", "6"],
      ],
    ],
    ['x,"a\n\nb\nc"\n1,2\n', ["x", "a\n\nb\nc"], [["1", "2"]]],
    [
      '"Sales\r\n(EUR)",c\r\n1,2\r\n3,4\r\n',
      ["Sales\r\n(EUR)", "c"],
      [
        ["1", "2"],
        ["3", "4"],
      ],
    ],
    [
      '"a\rb",c\r1,2\r3,4',
      ["a\rb", "c"],
      [
        ["1", "2"],
        ["3", "4"],
      ],
    ],
    ['\n\n"a\nb";"c;d"\n1;2\n', ["a\nb", "c;d"], [["1", "2"]]],
    ['"only\none"\n1\n2\n', ["only\none"], [["1"], ["2"]]],
  ];
  for (const [content, names, rows] of files) {
    const { schema, table } = await load(content, "csv");
    assert.deepEqual(
      schema.map(({ name }) => name),
      names,
    );
    assert.deepEqual(await cells(table), rows);
  }
});
