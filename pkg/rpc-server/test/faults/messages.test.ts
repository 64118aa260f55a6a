import { Code } from "@connectrpc/connect";
import { type Fault, judgeFaults, STRUCT_PATH } from "./judge-fault.ts";
import { requestFor } from "./requests.ts";
import { allWires, type Codec, getWires, type Wire } from "./wires.ts";

/** A message that no decoder takes. The URL of a GET holds no long one. */
function badMessage(codec: Codec, fault: string, message: Buffer | string): Fault {
  const bytes = typeof message === "string" ? Buffer.from(message, "latin1") : message;
  return {
    fault,
    on: bytes.length > 5_000 ? allWires.filter((wire) => !getWires.includes(wire)) : allWires,
    request: (wire) => requestFor(wire, bytes, codec),
    answer: { code: Code.InvalidArgument },
  };
}

/** Source: protobuf.dev, Encoding; proto3 strings are UTF-8. Decision 13 for the code. */
judgeFaults([
  badMessage("proto", "the wire type 7", "\x0f"),
  badMessage("proto", "the wire type 6", "\x0e"),
  badMessage("proto", "the field number 0", "\x00\x00"),
  badMessage("proto", "a varint that is cut off", "\x40\x80"),
  badMessage("proto", "a text with a length of eleven bytes", `\x0a${"\x80".repeat(10)}\x01`),
  badMessage("proto", "a tag without a value", "\x0a"),
  badMessage("proto", "a text that is cut off", "\x0a\x05h"),
  badMessage("proto", "a text that claims 2 GiB", "\x0a\xff\xff\xff\xff\x07"),
  badMessage("proto", "a text that is not UTF-8", "\x0a\x02h\xff"),
  badMessage("proto", "a text with half a surrogate pair", "\x0a\x03\xed\xa0\x80"),
  badMessage("proto", "a number of 64 bits that is cut off", "\x41\x01\x02"),
  badMessage("proto", "the end of a group that never began", "\x44"),
  badMessage("proto", "a group that never ends", "\x43"),
  badMessage("proto", "a group that ends as another", "\x43\x4c"),
  badMessage("proto", "groups in groups, 1,000 deep", "\x43".repeat(1_000) + "\x44".repeat(1_000)),
  badMessage("proto", "groups in groups, 100,000 deep", "\x43".repeat(100_000)),
]);

/** Source: protobuf.dev, ProtoJSON; RFC 8259, 8.1 for UTF-8. */
judgeFaults([
  badMessage("json", "JSON that is cut off", '{"text":'),
  badMessage("json", "JSON of nothing", ""),
  badMessage("json", "JSON with something after it", '{"text":"hi"} x'),
  badMessage("json", "a list for a message", "[]"),
  badMessage("json", "null for a message", "null"),
  badMessage("json", "a number for a text", '{"text":5}'),
  badMessage("json", "a text for a message", '{"behaviour":"x"}'),
  badMessage("json", "a word for a number", '{"behaviour":{"delayMs":"abc"}}'),
  badMessage("json", "a negative number without a sign", '{"behaviour":{"delayMs":-1}}'),
  badMessage("json", "a number out of range", '{"behaviour":{"delayMs":4294967296}}'),
  badMessage("json", "a fraction for an integer", '{"behaviour":{"delayMs":1.5}}'),
  badMessage("json", "the same field by both its names", '{"behaviour":{"delayMs":1,"delay_ms":2}}'),
  badMessage("json", "the same name twice", '{"text":"one","text":"two"}'),
  badMessage("json", "JSON that is not UTF-8", '{"text":"\xff"}'),
  badMessage("json", "JSON in UTF-16", Buffer.from('\ufeff{"text":"hi"}', "utf16le")),
  badMessage("json", "half a surrogate pair, escaped,", '{"text":"\\ud800"}'),
]);

/** google.protobuf.Struct { fields: { "a": Value { struct_value: … } } }, from the inside out. */
function nestedStruct(depth: number): Buffer {
  let struct: Buffer = Buffer.alloc(0);
  for (let i = 0; i < depth; i++) {
    const value = lengthDelimited(0x2a, struct);
    const entry = Buffer.concat([lengthDelimited(0x0a, Buffer.from("a")), lengthDelimited(0x12, value)]);
    struct = lengthDelimited(0x0a, entry);
  }
  return struct;
}

function lengthDelimited(tag: number, bytes: Buffer): Buffer {
  const length: number[] = [];
  let rest = bytes.length;
  for (; rest > 0x7f; rest >>>= 7) length.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Buffer.of(tag, ...length, rest), bytes]);
}

const nestedJson = (depth: number) => Buffer.from(`${'{"hi":'.repeat(depth)}{}${"}".repeat(depth)}`);
const unaryWires = allWires.filter(({ path }) => !path.endsWith("Stream"));
const postWires = unaryWires.filter((wire) => !getWires.includes(wire));

function nested(fault: string, codec: Codec, message: Buffer, on: readonly Wire[]): Fault {
  return {
    fault,
    on,
    request: (wire) => requestFor({ ...wire, path: STRUCT_PATH }, message, codec),
    answer: { code: Code.InvalidArgument },
  };
}

judgeFaults([
  nested("messages in messages, 300 deep", "proto", nestedStruct(300), unaryWires),
  nested("messages in messages, 10,000 deep", "proto", nestedStruct(10_000), postWires),
  nested("objects in objects, 300 deep", "json", nestedJson(300), unaryWires),
  nested("objects in objects, 100,000 deep", "json", nestedJson(100_000), postWires),
  nested("lists in lists, 100,000 deep", "json", Buffer.from(`{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`), [
    ...postWires,
  ]),
  badMessage("json", "a field nobody knows, 100,000 deep", `{"x":${"[".repeat(100_000)}${"]".repeat(100_000)}}`),
  { ...nested("objects in objects, 20 deep,", "json", nestedJson(20), unaryWires), answer: {} },
  {
    ...badMessage(
      "json",
      "a name that every object has",
      '{"text":"hi","count":1,"__proto__":{"x":1},"constructor":2}',
    ),
    answer: {},
  },
]);
