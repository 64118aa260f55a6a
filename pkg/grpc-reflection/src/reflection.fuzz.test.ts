import { fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, createClient, createRouterTransport } from "@connectrpc/connect";
import fc from "fast-check";
import { expect, it } from "vitest";
import { CatalogService } from "../test/gen/catalog/v1/catalog_service_pb.ts";
import { createDescriptorIndex } from "./descriptor-index.ts";
import type { ServerReflectionRequestSchema } from "./gen/grpc/reflection/v1/reflection_pb.ts";
import { registerReflection, ServerReflectionV1, ServerReflectionV1Alpha } from "./index.ts";

const index = createDescriptorIndex(
  [CatalogService, ServerReflectionV1, ServerReflectionV1Alpha].map(({ file }) => file),
);
const client = createClient(
  ServerReflectionV1,
  createRouterTransport((router) => registerReflection(router, { services: [CatalogService] })),
);

type Question = NonNullable<MessageInitShape<typeof ServerReflectionRequestSchema>["messageRequest"]>;

// Anything, names that exist, and names made of pieces of those.
const pieces = [...new Set([...index.symbols.keys(), ...index.files.keys()].flatMap((name) => name.split(/[./]/)))];
const name = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom(...index.symbols.keys(), ...index.files.keys()),
  fc
    .array(fc.constantFrom(...pieces, "", "__proto__", "constructor"), { maxLength: 6 })
    .map((parts) => parts.join(".")),
);
const number = fc.oneof(fc.constantFrom(50011, 50012), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }));

const question: fc.Arbitrary<Question> = fc.oneof(
  name.map((value) => ({ case: "fileByFilename" as const, value })),
  name.map((value) => ({ case: "fileContainingSymbol" as const, value })),
  name.map((value) => ({ case: "allExtensionNumbersOfType" as const, value })),
  name.map((value) => ({ case: "listServices" as const, value })),
  fc
    .record({ containingType: fc.oneof(name, fc.constant("google.protobuf.FieldOptions")), extensionNumber: number })
    .map((value) => ({ case: "fileContainingExtension" as const, value })),
  fc.constant({ case: undefined }),
);

it("answers every question in turn, with NOT_FOUND for what does not exist, and sends imports once and completely", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(question, { maxLength: 12 }), async (questions) => {
      const sent = new Set<string>();
      let asked = 0;
      for await (const { messageResponse } of client.serverReflectionInfo(stream(questions))) {
        const question = questions[asked++] ?? expect.unreachable();
        if (messageResponse.case === "errorResponse") {
          const { errorCode } = messageResponse.value;
          expect(errorCode).toBe(question.case === undefined ? Code.InvalidArgument : Code.NotFound);
        }
        expect([question, messageResponse.case]).toEqual([question, expectedAnswer(question)]);
        if (messageResponse.case === "fileDescriptorResponse") {
          expectCompleteFiles(messageResponse.value.fileDescriptorProto, sent);
        }
      }
      expect(asked).toBe(questions.length);
    }),
    { seed: 20_261, numRuns: Number(process.env.FUZZ_RUNS ?? 300) },
  );
});

async function* stream(questions: Question[]) {
  for (const messageRequest of questions) {
    yield { messageRequest };
  }
}

function expectedAnswer(question: Question): string {
  switch (question.case) {
    case "listServices":
      return "listServicesResponse";
    case "fileByFilename":
      return index.files.has(question.value) ? "fileDescriptorResponse" : "errorResponse";
    case "fileContainingSymbol":
      return index.symbols.has(question.value) ? "fileDescriptorResponse" : "errorResponse";
    case "allExtensionNumbersOfType":
      return index.symbols.has(question.value) ? "allExtensionNumbersResponse" : "errorResponse";
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = question.value;
      const isDeclared =
        containingType === "google.protobuf.FieldOptions" && [50011, 50012].includes(extensionNumber ?? 0);
      return isDeclared ? "fileDescriptorResponse" : "errorResponse";
    }
    default:
      return "errorResponse";
  }
}

/** The first file is the one asked for; no other was sent before; afterwards the stream has carried every import. */
function expectCompleteFiles(answer: Uint8Array[], sent: Set<string>) {
  const [first, ...imports] = answer.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  sent.add(first?.name ?? expect.unreachable());
  for (const file of imports) {
    expect([file.name, sent.has(file.name)]).toEqual([file.name, false]);
    sent.add(file.name);
  }
  for (const path of sent) {
    const missing = index.files.get(path)?.proto.dependency.filter((dependency) => !sent.has(dependency));
    expect([path, missing]).toEqual([path, []]);
  }
}
