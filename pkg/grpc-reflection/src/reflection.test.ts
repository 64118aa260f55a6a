import {
  create,
  createFileRegistry,
  type FileRegistry,
  fromBinary,
  getOption,
  hasOption,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, createClient, createRouterTransport } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { file_catalog_v1_book } from "../test/gen/catalog/v1/book_pb.ts";
import { CatalogService } from "../test/gen/catalog/v1/catalog_service_pb.ts";
import { file_catalog_v1_error_details } from "../test/gen/catalog/v1/error_details_pb.ts";
import { shelf } from "../test/gen/catalog/v1/options_pb.ts";
import type { ServerReflectionRequestSchema } from "./gen/grpc/reflection/v1/reflection_pb.ts";
import { type ReflectionOptions, registerReflection, ServerReflectionV1, ServerReflectionV1Alpha } from "./index.ts";

type Request = MessageInitShape<typeof ServerReflectionRequestSchema> & { readonly $typeName?: never };

const versions = [
  ["v1", ServerReflectionV1],
  ["v1alpha", ServerReflectionV1Alpha],
] as const;

describe.each(versions)("reflection %s", (_version, service) => {
  /** Sends the requests on one stream and gives all answers. */
  async function ask(requests: Request[], options: ReflectionOptions = { services: [CatalogService] }) {
    const transport = createRouterTransport((router) => registerReflection(router, options));
    const client = createClient(service, transport);
    const answers: MessageShape<(typeof service)["method"]["serverReflectionInfo"]["output"]>[] = [];
    for await (const answer of client.serverReflectionInfo(stream(requests))) {
      answers.push(answer);
    }
    return answers;
  }

  /** The files of each answer, which has to be one of files. */
  async function askForFiles(requests: Request[], options?: ReflectionOptions): Promise<FileDescriptorProto[][]> {
    const answers = await ask(requests, options);
    return answers.map(({ messageResponse }) => {
      expect(messageResponse.case).toBe("fileDescriptorResponse");
      const bytes = messageResponse.case === "fileDescriptorResponse" ? messageResponse.value.fileDescriptorProto : [];
      return bytes.map((file) => fromBinary(FileDescriptorProtoSchema, file));
    });
  }

  const pathsOf = (answers: FileDescriptorProto[][]) => answers.map((files) => files.map(({ name }) => name));

  it("lists the services, each once, and both reflection services, sorted", async () => {
    const [answer] = await ask([{ messageRequest: { case: "listServices", value: "*" } }], {
      services: [ServerReflectionV1, CatalogService, CatalogService],
    });
    expect(answer?.messageResponse).toMatchObject({
      case: "listServicesResponse",
      value: {
        service: [
          { name: "catalog.v1.CatalogService" },
          { name: "grpc.reflection.v1.ServerReflection" },
          { name: "grpc.reflection.v1alpha.ServerReflection" },
        ],
      },
    });
  });

  it("answers with the request and its host", async () => {
    const messageRequest = { case: "fileByFilename", value: "nowhere.proto" } as const;
    const [answer] = await ask([{ host: "example.com", messageRequest }]);
    expect(answer?.validHost).toBe("example.com");
    expect(answer?.originalRequest).toMatchObject({ host: "example.com", messageRequest });
  });

  it("sends a file by its name, followed by all its transitive imports", async () => {
    const [paths] = pathsOf(await askForFiles([fileByFilename("catalog/v1/catalog_service.proto")]));
    expect(paths).toEqual([
      "catalog/v1/catalog_service.proto",
      "catalog/v1/book.proto",
      "google/protobuf/empty.proto",
      "catalog/v1/options.proto",
      "google/protobuf/timestamp.proto",
      "google/protobuf/descriptor.proto",
    ]);
  });

  it("sends the file that declares a symbol", async () => {
    const answers = await Promise.all([
      askForFiles([fileContainingSymbol("catalog.v1.CatalogService.GetBook")]),
      askForFiles([fileContainingSymbol("catalog.v1.Book.Loan.Reader")]),
      askForFiles([fileContainingSymbol("grpc.reflection.v1.ServerReflection")]),
      askForFiles([fileContainingSymbol("grpc.reflection.v1alpha.ServerReflectionRequest")]),
    ]);
    expect(answers.map((answer) => answer[0]?.[0]?.name)).toEqual([
      "catalog/v1/catalog_service.proto",
      "catalog/v1/book.proto",
      "grpc/reflection/v1/reflection.proto",
      "grpc/reflection/v1alpha/reflection.proto",
    ]);
  });

  it("sends an import once on a stream, but the file that is asked for each time", async () => {
    const answers = await askForFiles([
      fileContainingSymbol("catalog.v1.shelf"),
      fileContainingSymbol("catalog.v1.Book"),
      fileContainingSymbol("catalog.v1.Book"),
      fileByFilename("google/protobuf/timestamp.proto"),
    ]);
    expect(pathsOf(answers)).toEqual([
      ["catalog/v1/options.proto", "google/protobuf/descriptor.proto"],
      ["catalog/v1/book.proto", "google/protobuf/timestamp.proto"],
      ["catalog/v1/book.proto"],
      ["google/protobuf/timestamp.proto"],
    ]);
  });

  it("sends an import again on another stream", async () => {
    const first = await askForFiles([fileContainingSymbol("catalog.v1.shelf")]);
    const second = await askForFiles([fileContainingSymbol("catalog.v1.shelf")]);
    expect(pathsOf(second)).toEqual(pathsOf(first));
  });

  it("sends files from which a client can build everything, custom options included", async () => {
    const registry = registryOf(await askForFiles([fileContainingSymbol("catalog.v1.CatalogService")]));
    expect(registry.getService("catalog.v1.CatalogService")?.method.watchBooks?.methodKind).toBe("server_streaming");
    const book = registry.getMessage("catalog.v1.Book");
    expect(book?.fields.map(({ name, number, jsonName }) => [name, number, jsonName])).toEqual([
      ["isbn", 1, "isbn"],
      ["publish_time", 2, "publishTime"],
      ["labels", 3, "labels"],
      ["subtitle", 4, "subtitle"],
      ["display_title", 7, "title"],
      ["room", 5, "room"],
      ["loan", 6, "loan"],
      ["state", 8, "state"],
    ]);
    const isbn = book?.field.isbn ?? expect.unreachable();
    expect(hasOption(isbn, shelf)).toBe(true);
    expect(getOption(isbn, shelf)).toBe("A-12");
  });

  it("sends a file as the compiler described it", async () => {
    const [files] = await askForFiles([fileContainingSymbol("catalog.v1.Book")]);
    const sent = files?.[0] ?? expect.unreachable();
    expect(toBinary(FileDescriptorProtoSchema, sent)).toEqual(
      toBinary(FileDescriptorProtoSchema, file_catalog_v1_book.proto),
    );
    expect(sent.dependency).toEqual(["catalog/v1/options.proto", "google/protobuf/timestamp.proto"]);
  });

  it("sends the file that declares an extension", async () => {
    const answers = await askForFiles([
      fileContainingExtension("google.protobuf.FieldOptions", 50012),
      fileContainingExtension("google.protobuf.FieldOptions", 50011),
    ]);
    expect(pathsOf(answers)).toEqual([
      ["catalog/v1/options.proto", "google/protobuf/descriptor.proto"],
      ["catalog/v1/options.proto"],
    ]);
  });

  it("knows the numbers of a type's extensions, in ascending order", async () => {
    const [extended, never] = await ask([
      allExtensionNumbersOfType("google.protobuf.FieldOptions"),
      allExtensionNumbersOfType("catalog.v1.BlankNote"),
    ]);
    expect(extended?.messageResponse).toMatchObject({
      case: "allExtensionNumbersResponse",
      value: { baseTypeName: "google.protobuf.FieldOptions", extensionNumber: [50011, 50012] },
    });
    expect(never?.messageResponse).toMatchObject({
      case: "allExtensionNumbersResponse",
      value: { baseTypeName: "catalog.v1.BlankNote", extensionNumber: [] },
    });
  });

  it("finds the types of further files, their extensions too, only when they are given", async () => {
    const requests = [
      fileContainingSymbol("catalog.v1.BookLost"),
      fileContainingExtension("catalog.v1.Note", 100),
      fileByFilename("catalog/v1/error_details.proto"),
    ];
    const without = await ask(requests);
    expect(without.map(({ messageResponse }) => messageResponse.case)).toEqual(Array(3).fill("errorResponse"));
    const withFile = await askForFiles(requests, {
      services: [CatalogService],
      files: [file_catalog_v1_error_details],
    });
    expect(withFile.map((files) => files[0]?.name)).toEqual(Array(3).fill("catalog/v1/error_details.proto"));
  });

  it.each([
    ["an unknown file", fileByFilename("catalog/v1/nowhere.proto"), "file not found"],
    ["an unknown symbol", fileContainingSymbol("catalog.v1.Nobody"), "symbol not found"],
    ["an unknown extension", fileContainingExtension("google.protobuf.FieldOptions", 1), "extension not found"],
    ["an extension of an unknown type", fileContainingExtension("catalog.v1.Nobody", 1), "extension not found"],
    ["the extensions of an unknown type", allExtensionNumbersOfType("catalog.v1.Nobody"), "type not found"],
  ])("answers NOT_FOUND for %s, and goes on", async (_what, request, errorMessage) => {
    const [error, next] = await ask([request, { messageRequest: { case: "listServices", value: "" } }]);
    expect(error?.messageResponse).toMatchObject({
      case: "errorResponse",
      value: { errorCode: Code.NotFound, errorMessage },
    });
    expect(next?.messageResponse.case).toBe("listServicesResponse");
  });

  it("answers INVALID_ARGUMENT for a request that asks nothing, and goes on", async () => {
    const [error, next] = await ask([{}, { messageRequest: { case: "listServices", value: "" } }]);
    expect(error?.messageResponse).toMatchObject({
      case: "errorResponse",
      value: { errorCode: Code.InvalidArgument },
    });
    expect(next?.messageResponse.case).toBe("listServicesResponse");
  });

  it("ends when the client has asked all", async () => {
    expect(await ask([])).toEqual([]);
  });

  it("sends the same copy of a file to all, where services were generated with different copies", async () => {
    const ownEmpty = create(FileDescriptorProtoSchema, { name: "google/protobuf/empty.proto", package: "own.copy" });
    const own = create(FileDescriptorProtoSchema, {
      name: "own.proto",
      dependency: [ownEmpty.name],
      service: [{ name: "OwnService" }],
    });
    const ownService = createFileRegistry(own, () => ownEmpty).getService("OwnService") ?? expect.unreachable();
    const [files] = await askForFiles([fileContainingSymbol("OwnService")], { services: [CatalogService, ownService] });
    expect(files?.map((file) => [file.name, file.package])).toEqual([
      ["own.proto", ""],
      ["google/protobuf/empty.proto", "google.protobuf"],
    ]);
  });
});

async function* stream(requests: Request[]) {
  yield* requests;
}

function fileByFilename(value: string): Request {
  return { messageRequest: { case: "fileByFilename", value } };
}

function fileContainingSymbol(value: string): Request {
  return { messageRequest: { case: "fileContainingSymbol", value } };
}

function fileContainingExtension(containingType: string, extensionNumber: number): Request {
  return { messageRequest: { case: "fileContainingExtension", value: { containingType, extensionNumber } } };
}

function allExtensionNumbersOfType(value: string): Request {
  return { messageRequest: { case: "allExtensionNumbersOfType", value } };
}

/** What a client makes of the files it was sent, and of nothing else. Throws when an import is missing. */
function registryOf(answers: FileDescriptorProto[][]): FileRegistry {
  // Imports come first in a set.
  return createFileRegistry(create(FileDescriptorSetSchema, { file: answers.flat().reverse() }));
}
