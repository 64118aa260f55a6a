import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { clientKinds } from "./echo-clients.ts";
import { startEchoServer } from "./start-echo-server.ts";

describe.each(clientKinds)("$name", ({ bidi, connect }) => {
  test("calls a unary method", async () => {
    const client = connect((await startEchoServer()).baseUrl);
    await expect(client.unary("héllo")).resolves.toBe("héllo");
  });

  test("calls a server streaming method", async () => {
    const client = connect((await startEchoServer()).baseUrl);
    await expect(client.serverStream("again", 3)).resolves.toEqual(["again", "again", "again"]);
  });

  test("calls a client streaming method", async () => {
    const client = connect((await startEchoServer()).baseUrl);
    await expect(client.clientStream(["a", "b", "c"])).resolves.toBe("a b c");
  });

  if (bidi) {
    test("calls a bidirectional streaming method", async () => {
      const client = connect((await startEchoServer()).baseUrl);
      await expect(client.bidiStream(["a", "b"])).resolves.toEqual(["a", "b"]);
    });
  } else {
    test("is refused bidirectional streaming, which HTTP/1.1 cannot do", async () => {
      const client = connect((await startEchoServer()).baseUrl);
      await expect(client.bidiStream(["a"])).rejects.toThrow();
    });
  }

  test("sends and receives more than a flow control window", async () => {
    const client = connect((await startEchoServer()).baseUrl);
    const text = "x".repeat(1_000_000);
    await expect(client.unary(text)).resolves.toBe(text);
  });

  test("sees the code a handler fails with, before and after messages", async () => {
    const client = connect((await startEchoServer()).baseUrl);
    await expect(client.unary("", { failCode: Code.NotFound })).rejects.toMatchObject({ code: Code.NotFound });
    await expect(client.serverStream("", 2, { failCode: Code.DataLoss })).rejects.toMatchObject({
      code: Code.DataLoss,
    });
  });

  test("sees INTERNAL and no text of an error that is no ConnectError", async () => {
    const client = connect((await startEchoServer()).baseUrl);
    await expect(client.unary("", { throwText: "password=x" })).rejects.toMatchObject({
      code: Code.Internal,
      rawMessage: "internal error",
    });
  });

  test("sees RESOURCE_EXHAUSTED for a request above readMaxBytes, and can go on", async () => {
    const client = connect((await startEchoServer({ readMaxBytes: 100_000 })).baseUrl);
    await expect(client.unary("x".repeat(1_000_000))).rejects.toMatchObject({ code: Code.ResourceExhausted });
    await expect(client.unary("small")).resolves.toBe("small");
  });

  test("sees RESOURCE_EXHAUSTED for an answer above writeMaxBytes", async () => {
    const client = connect((await startEchoServer({ writeMaxBytes: 1_000 })).baseUrl);
    await expect(client.unary("x".repeat(2_000))).rejects.toMatchObject({ code: Code.ResourceExhausted });
  });

  test("sees DEADLINE_EXCEEDED when the handler takes longer", async () => {
    const client = connect((await startEchoServer()).baseUrl);
    await expect(client.unary("", { delayMs: 60_000 }, { timeoutMs: 50 })).rejects.toMatchObject({
      code: Code.DeadlineExceeded,
    });
  });

  test("sees UNIMPLEMENTED for a method nobody serves", async () => {
    const client = connect((await startEchoServer({ routes: () => {} })).baseUrl);
    await expect(client.unary("")).rejects.toMatchObject({ code: Code.Unimplemented });
    await expect(client.serverStream("", 1)).rejects.toMatchObject({ code: Code.Unimplemented });
  });
});

test("many calls at once cause no warning", async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on("warning", onWarning);
  const { baseUrl, errors } = await startEchoServer();
  await Promise.all(
    clientKinds.map(async ({ connect }) => {
      const client = connect(baseUrl);
      await Promise.all(Array.from({ length: 50 }, (_, i) => client.unary(`${i}`, { delayMs: 20 })));
    }),
  );
  process.off("warning", onWarning);
  expect(warnings).toEqual([]);
  expect(errors).toEqual([]);
});
