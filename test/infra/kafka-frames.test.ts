import assert from "node:assert/strict";
import { test } from "node:test";
import { frames } from "../../infra/broker/kafka/frames.ts";

const frameOf = (body: string): Buffer => {
  const length = Buffer.alloc(4);
  length.writeInt32BE(Buffer.byteLength(body));
  return Buffer.concat([length, Buffer.from(body)]);
};

test("frames are the same however what is received was cut", () => {
  const bodies = ["a", "", "a longer one", "\0\0\0\x05fives", "z".repeat(300)];
  const sent = Buffer.concat(bodies.map(frameOf));
  for (let size = 1; size <= sent.length; size++) {
    const given: string[] = [];
    const memory = Buffer.alloc(size);
    const receive = frames(
      (frame) => given.push(frame.toString("latin1", 4)),
      () => assert.fail("no length is wrong"),
    );
    for (let at = 0; at < sent.length; at += size) {
      const count = sent.copy(memory, 0, at, at + size);
      receive(memory.subarray(0, count));
      memory.fill(0xff);
    }
    assert.deepEqual(given, bodies);
  }
});

test("a length that is none is refused once, and nothing is given on", () => {
  for (const start of ["HTTP/1.1 400 Bad Request", "\xff\xff\xff\xff"]) {
    const refused: number[] = [];
    const receive = frames(
      () => assert.fail("nothing is a frame"),
      (length) => refused.push(length),
    );
    const bytes = Buffer.from(start, "latin1");
    receive(bytes);
    receive(frameOf("too late"));
    assert.deepEqual(refused, [bytes.readInt32BE(0)]);
  }
});
