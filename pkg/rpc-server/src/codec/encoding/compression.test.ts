import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Compressions, compress, compressions, decompress } from "./compression.ts";

const parameters = { numRuns: Number(process.env.FUZZ_RUNS ?? 100), seed: 20261121 };
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  // Above what is done at once, in both directions.
  fc
    .record({ byte: fc.nat({ max: 255 }), length: fc.nat({ max: 40_000 }) })
    .map((of) => Buffer.alloc(of.length, of.byte)),
  fc.uint8Array({ minLength: 2_000, maxLength: 3_000 }),
);

const refused = (code: Code) => expect.objectContaining({ code });

describe.each(compressions.map((compression) => ({ name: compression.name, compression })))(
  "$name",
  ({ compression }) => {
    test("gives back what it was given, at once or later", async () => {
      await fc.assert(
        fc.asyncProperty(bytes, async (raw) => {
          const compressed = await compress(compression, raw);
          const back = await decompress(compression, compressed, Math.max(1, raw.length));
          expect(Buffer.compare(back, raw)).toBe(0);
        }),
        parameters,
      );
    });

    test("refuses what becomes larger than the limit, and nothing that does not", async () => {
      for (const length of [10_000, 4_000_000]) {
        const small = await compress(compression, Buffer.alloc(length));
        expect(await decompress(compression, small, length)).toHaveLength(length);
        const tooLarge = async () => decompress(compression, small, length - 1);
        await expect(tooLarge()).rejects.toEqual(refused(Code.ResourceExhausted));
      }
    });

    test("takes no part of compressed data for all of it", async () => {
      for (const raw of [
        Buffer.from("hello hello hello"),
        Buffer.from(Array.from({ length: 8_000 }, (_, i) => (i * i) >> 3)),
      ]) {
        const whole = await compress(compression, raw);
        for (const length of [0, 1, whole.length >> 1, whole.length - 1]) {
          const cut = async () => decompress(compression, whole.subarray(0, length), 1_000_000);
          await expect(cut()).rejects.toEqual(refused(Code.InvalidArgument));
        }
      }
    });

    test("answers any bytes with a message, or with a code that blames the client", async () => {
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 1_500 }), async (any) => {
          const outcome = await (async () => decompress(compression, any, 10_000))().catch(({ code }) => code);
          if (outcome instanceof Uint8Array) expect(outcome.length).toBeLessThanOrEqual(10_000);
          else expect([Code.InvalidArgument, Code.ResourceExhausted]).toContain(outcome);
        }),
        parameters,
      );
    });
  },
);

test("a compression of somebody else's, which cannot do it at once, is waited for", async () => {
  const reverse = async (raw: Uint8Array) => new Uint8Array(raw.toReversed());
  const own = { name: "reverse", compress: reverse, decompress: reverse };
  await expect(compress(own, Uint8Array.of(1, 2))).resolves.toEqual(Uint8Array.of(2, 1));
  await expect(decompress(own, Uint8Array.of(1, 2), 10)).resolves.toEqual(Uint8Array.of(2, 1));
});

describe("of what a method offers", () => {
  const offered = new Compressions(compressions);
  const [gzip, br] = compressions;

  test("the names are all of Node's, in order", () => {
    expect(offered.names).toBe("gzip,br,deflate,zstd");
  });

  test.each([
    [null, undefined],
    ["", undefined],
    ["identity", undefined],
    ["gzip", gzip],
    ["br", br],
  ])("a request with %j gets its own", (encoding, expected) => {
    expect(offered.ofRequest(encoding, "grpc-accept-encoding")).toBe(expected);
  });

  test("a request with an unknown one is UNIMPLEMENTED, and told the known ones", () => {
    const refuse = () => offered.ofRequest(`x${"y".repeat(1_000)}`, "grpc-accept-encoding");
    expect(refuse).toThrow(refused(Code.Unimplemented));
    expect(refuse).toThrow(/^.{1,200}$/);
    try {
      refuse();
    } catch (error) {
      expect((error as { metadata: Headers }).metadata.get("grpc-accept-encoding")).toBe(offered.names);
    }
  });

  test.each([
    ["the request's own, when nothing is said", null, br],
    ["the request's own, when what is said is empty", "", br],
    ["the first known one", "snappy, gzip;q=0.5, br", gzip],
    ["none that is refused", "gzip;q=0, br; q=0.000", undefined],
    ["one with a small weight", "gzip;q=0, br;q=0.001", br],
    ["none, when none is known", "snappy, identity", undefined],
  ])("an answer gets %s", (_, accepted, expected) => {
    expect(offered.ofResponse(accepted, br)).toBe(expected);
  });
});

test.each(compressions)("what $name makes much of does not keep others waiting", async (compression) => {
  const bomb = await compress(compression, Buffer.alloc(500_000));
  expect(bomb.length).toBeLessThan(1_024);
  const opened = decompress(compression, bomb, 4_000_000);
  expect(opened).toBeInstanceOf(Promise);
  await expect(opened).resolves.toHaveLength(500_000);
});
