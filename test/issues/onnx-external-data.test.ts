import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inspectModel } from "../../ml/onnx/inspect.ts";
import { openScorer } from "../../ml/onnx/session.ts";
import { bytes, encodeModel, integer, message, type OnnxNode } from "../../ml/onnx/writer.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import { attributeKinds, externalTensor, messageAttribute, modelWith, tensor } from "../support/evil-models.ts";

const outside = externalTensor();
const refused = (pattern: RegExp) => (error: unknown) =>
  isMillraceError(error, "INVALID_MODEL") && pattern.test(error.message);
const isRefused = refused(/lies in a file of its own/);

const graphOf = (nodes: OnnxNode[], outputs: string[]): Buffer =>
  encodeModel({
    producer: "stranger",
    graph: "g",
    nodes,
    inputs: [{ name: "x", shape: ["N", 1] }],
    outputs: outputs.map((name) => ({ name, shape: ["N", 1] })),
    opsets: { "": 17 },
    metadata: {},
  });

const attribute = (kind: keyof typeof attributeKinds, ...fields: Buffer[]): Buffer =>
  modelWith({ attribute: messageAttribute("a", attributeKinds[kind], ...fields) });

const initializer = message(5, ...outside);
/** A node whose attribute is a tensor outside. */
const node = message(1, bytes(4, "Constant"), messageAttribute("value", attributeKinds.tensor, ...outside));
const values = message(1, ...outside);
const indices = message(2, ...outside);

/** Wherever onnx.proto lets a tensor stand. */
const places: Record<string, Buffer> = {
  "an initializer": modelWith({ graph: initializer }),
  "a sparse initializer's values": modelWith({ graph: message(15, values) }),
  "a sparse initializer's indices": modelWith({
    graph: message(15, message(1, ...tensor("float", [1], [1])), indices),
  }),
  "a tensor of a node": attribute("tensor", ...outside),
  "one of a node's tensors": attribute("tensors", ...outside),
  "a sparse tensor of a node": attribute("sparse", values),
  "one of a node's sparse tensors": attribute("sparses", indices),
  "an initializer of a graph inside of a node": attribute("graph", initializer),
  "a node of a graph inside of a node": attribute("graph", node),
  "one of a node's graphs": attribute("graphs", initializer),
  "a graph inside of a graph inside of a node": attribute(
    "graph",
    message(1, bytes(4, "If"), messageAttribute("then_branch", attributeKinds.graph, initializer)),
  ),
  "a function of the file": modelWith({
    file: message(25, bytes(1, "f"), message(7, messageAttribute("value", attributeKinds.tensor, ...outside))),
  }),
  "an attribute's default of a function": modelWith({
    file: message(25, bytes(1, "f"), message(11, bytes(1, "a"), message(5, ...outside))),
  }),
  "the graph that prepares training": modelWith({ file: message(20, message(1, initializer)) }),
  "the graph that trains": modelWith({ file: message(20, message(2, node)) }),
  "a second part of the graph": modelWith({ file: message(7, initializer) }),
  "an initializer that says where its bytes lie, but not that they do": modelWith({
    graph: message(5, integer(1, 1), integer(2, 1), bytes(8, "w"), message(13, bytes(1, "location"), bytes(2, ".env"))),
  }),
  "an initializer of a location that is not known": modelWith({
    graph: message(5, integer(1, 1), integer(2, 1), bytes(8, "w"), integer(14, 7)),
  }),
  "the memory of the process": modelWith({
    graph: message(
      5,
      ...[integer(1, 1), integer(2, 1), bytes(8, "w"), integer(14, 1)],
      message(13, bytes(1, "location"), bytes(2, "*/_ORT_MEM_ADDR_/*")),
    ),
  }),
};

describe("a tensor outside of the file is INVALID_MODEL", () => {
  for (const [place, onnx] of Object.entries(places)) {
    test(place, async () => {
      await assert.rejects(inspectModel(onnx), isRefused);
      await assert.rejects(openScorer(onnx), isRefused);
    });
  }
});

test("the model around is sound", async () => {
  assert.deepEqual((await inspectModel(modelWith({}))).columns, ["f0"]);
});

test("graphs nested without end are INVALID_MODEL", async () => {
  let graph = initializer;
  for (let depth = 0; depth < 60; depth++) {
    graph = message(1, bytes(4, "If"), messageAttribute("then_branch", attributeKinds.graph, graph));
  }
  await assert.rejects(
    inspectModel(modelWith({ attribute: messageAttribute("a", attributeKinds.graph, graph) })),
    refused(/nested more than 100/),
  );
});

test("options of the runtime, and its own format, are INVALID_MODEL", async () => {
  const options = message(14, bytes(1, "ort_config"), bytes(2, '{"session_options":{"intra_op_num_threads":64}}'));
  await assert.rejects(inspectModel(modelWith({ file: options })), refused(/ort_config/));
  await assert.rejects(
    inspectModel(Buffer.from("\u0008\u0000\u0000\u0000ORTM\u0000\u0000\u0000\u0000")),
    refused(/own format/),
  );
});

test("metadata that names no columns is INVALID_MODEL, not a defect", async () => {
  for (const text of ["{", "7", '["a", 1]', "null"]) {
    const columns = message(14, bytes(1, "millrace.columns"), bytes(2, text));
    await assert.rejects(inspectModel(modelWith({ file: columns })), refused(/millrace\.columns/));
  }
});

test("a signature that no definition should hold is INVALID_MODEL, and a reason is as short as it can be", async () => {
  const identity = (name: string): OnnxNode => ({ operator: "Identity", inputs: ["x"], outputs: [name] });
  const names = Array.from({ length: 500 }, (_, i) => `y${i}`);
  await assert.rejects(inspectModel(graphOf(names.map(identity), names)), refused(/500 outputs; .* are the most/));
  const long = "y".repeat(100_000);
  await assert.rejects(inspectModel(graphOf([identity(long)], [long])), refused(/names of 1000 characters/));
  const broken = graphOf([{ operator: long, inputs: ["x"], outputs: ["y"] }], ["y"]);
  await assert.rejects(inspectModel(broken), (error) => refused(/^.{1,600}$/s)(error));
});
