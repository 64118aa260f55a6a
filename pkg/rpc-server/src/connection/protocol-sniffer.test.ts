import { expect, test } from "vitest";
import { recognizeProtocol } from "./protocol-sniffer.ts";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

test("every part of the preface may still become either protocol", () => {
  for (let length = 0; length < PREFACE.length; length++) {
    expect(recognizeProtocol(PREFACE.subarray(0, length))).toBeUndefined();
  }
});

test("the whole preface is HTTP/2, whatever follows", () => {
  expect(recognizeProtocol(PREFACE)).toBe("http2");
  expect(recognizeProtocol(Buffer.concat([PREFACE, Buffer.of(0, 0, 0)]))).toBe("http2");
});

test("one byte that differs, anywhere in the preface, is HTTP/1.1", () => {
  for (let index = 0; index < PREFACE.length; index++) {
    const bytes = Buffer.from(PREFACE.subarray(0, index + 1));
    bytes[index] = 0x7f;
    expect(recognizeProtocol(bytes)).toBe("http1");
  }
});

test.each(["POST / HTTP/1.1\r\n", "PUT", "GET"])("%j is HTTP/1.1", (text) => {
  expect(recognizeProtocol(Buffer.from(text))).toBe("http1");
});
