import {
  create,
  createFileRegistry,
  createRegistry,
  type DescEnum,
  type DescExtension,
  type DescFile,
  type DescMessage,
  type DescService,
  type Registry,
} from "@bufbuild/protobuf";
import {
  FileDescriptorProtoSchema,
  file_google_protobuf_descriptor,
  file_google_protobuf_empty,
} from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { file_catalog_v1_book } from "../test/gen/catalog/v1/book_pb.ts";
import { file_catalog_v1_catalog_service } from "../test/gen/catalog/v1/catalog_service_pb.ts";
import { file_catalog_v1_error_details } from "../test/gen/catalog/v1/error_details_pb.ts";
import { createDescriptorIndex } from "./descriptor-index.ts";

const index = createDescriptorIndex([file_catalog_v1_catalog_service]);
const pathOf = (symbol: string) => index.symbols.get(symbol)?.proto.name;

describe("files", () => {
  it("holds the given files and all they import, directly or not", () => {
    expect([...index.files.keys()].sort()).toEqual([
      "catalog/v1/book.proto",
      "catalog/v1/catalog_service.proto",
      "catalog/v1/options.proto",
      "google/protobuf/descriptor.proto",
      "google/protobuf/empty.proto",
      "google/protobuf/timestamp.proto",
    ]);
  });

  it("keeps the copy of a path that stands nearest to the given files", () => {
    const otherEmpty = copyOf(file_google_protobuf_empty);
    const { files } = createDescriptorIndex([otherEmpty, file_catalog_v1_catalog_service]);
    expect(files.get("google/protobuf/empty.proto")).toBe(otherEmpty);
  });

  function copyOf(file: DescFile): DescFile {
    const copy = createFileRegistry(file.proto, () => undefined).getFile(file.proto.name);
    return copy ?? expect.unreachable();
  }
});

describe("symbols", () => {
  it.each([
    ["a service", "catalog.v1.CatalogService", "catalog/v1/catalog_service.proto"],
    ["a method", "catalog.v1.CatalogService.GetBook", "catalog/v1/catalog_service.proto"],
    ["a streaming method", "catalog.v1.CatalogService.WatchBooks", "catalog/v1/catalog_service.proto"],
    ["a message", "catalog.v1.Book", "catalog/v1/book.proto"],
    ["a nested message", "catalog.v1.Book.Loan", "catalog/v1/book.proto"],
    ["a message nested twice", "catalog.v1.Book.Loan.Reader", "catalog/v1/book.proto"],
    ["a field", "catalog.v1.Book.isbn", "catalog/v1/book.proto"],
    ["a field of a message nested twice", "catalog.v1.Book.Loan.Reader.name", "catalog/v1/book.proto"],
    ["a map's entry message", "catalog.v1.Book.LabelsEntry", "catalog/v1/book.proto"],
    ["a oneof", "catalog.v1.Book.place", "catalog/v1/book.proto"],
    ["a field in a oneof", "catalog.v1.Book.room", "catalog/v1/book.proto"],
    ["an optional field's oneof", "catalog.v1.Book._subtitle", "catalog/v1/book.proto"],
    ["an enum", "catalog.v1.Genre", "catalog/v1/book.proto"],
    ["an enum value in its scope", "catalog.v1.GENRE_FICTION", "catalog/v1/book.proto"],
    ["an enum value under its enum", "catalog.v1.Genre.GENRE_FICTION", "catalog/v1/book.proto"],
    ["a nested enum", "catalog.v1.Book.State", "catalog/v1/book.proto"],
    ["a nested enum's value in its scope", "catalog.v1.Book.STATE_AVAILABLE", "catalog/v1/book.proto"],
    ["a nested enum's value under its enum", "catalog.v1.Book.State.STATE_AVAILABLE", "catalog/v1/book.proto"],
    ["an extension", "catalog.v1.shelf", "catalog/v1/options.proto"],
    ["a nested extension", "catalog.v1.Note.noted", "catalog/v1/options.proto"],
    ["a well-known type", "google.protobuf.Timestamp", "google/protobuf/timestamp.proto"],
  ])("finds %s", (_what, symbol, path) => {
    expect(pathOf(symbol)).toBe(path);
  });

  it.each([
    ["a package", "catalog.v1"],
    ["a name in another case", "catalog.v1.book"],
    ["a name without its package", "Book"],
    ["a name with a leading dot, which stands in descriptors only", ".catalog.v1.Book"],
    ["a method as it stands in a URL", "catalog.v1.CatalogService/GetBook"],
    ["a field's JSON name", "catalog.v1.Book.displayTitle"],
    ["a type of a file nobody imports", "catalog.v1.BookLost"],
    ["a property of objects", "__proto__"],
    ["nothing", ""],
  ])("does not find %s", (_what, symbol) => {
    expect(pathOf(symbol)).toBeUndefined();
  });

  it("finds what stands in a file without package", () => {
    const proto = create(FileDescriptorProtoSchema, {
      name: "bare.proto",
      syntax: "proto3",
      messageType: [{ name: "Bare" }],
      service: [{ name: "BareService" }],
    });
    const file = createFileRegistry(proto, () => undefined).getFile("bare.proto") ?? expect.unreachable();
    expect([...createDescriptorIndex([file]).symbols.keys()].sort()).toEqual(["Bare", "BareService"]);
  });

  it("knows everything that protobuf-es' own registry knows, and its file", () => {
    const files = [...index.files.values()];
    const expected = new Map(
      files.flatMap((file) => namesIn(createRegistry(file)).map((name) => [name, file.proto.name])),
    );
    expect(expected.size).toBeGreaterThan(300);
    for (const [name, path] of expected) {
      expect([name, pathOf(name)]).toEqual([name, path]);
    }
  });

  function namesIn(registry: Registry): string[] {
    return [...registry].flatMap((type) => [
      type.typeName,
      ...membersOf(type).map(({ name }) => `${type.typeName}.${name}`),
    ]);
  }

  function membersOf(type: DescMessage | DescEnum | DescExtension | DescService): readonly { name: string }[] {
    switch (type.kind) {
      case "message":
        return [...type.fields, ...type.oneofs];
      case "enum":
        return type.values;
      case "service":
        return type.methods;
      case "extension":
        return [];
    }
  }
});

describe("extensions", () => {
  it("finds top-level and nested ones by the message they extend and their number", () => {
    const ofFieldOptions = index.extensions.get("google.protobuf.FieldOptions");
    expect([...(ofFieldOptions ?? [])].map(([number, file]) => [number, file.proto.name]).sort()).toEqual([
      [50011, "catalog/v1/options.proto"],
      [50012, "catalog/v1/options.proto"],
    ]);
  });

  it("knows those of further files", () => {
    expect(index.extensions.has("catalog.v1.Note")).toBe(false);
    const more = createDescriptorIndex([file_catalog_v1_catalog_service, file_catalog_v1_error_details]);
    expect(more.extensions.get("catalog.v1.Note")?.get(100)).toBe(file_catalog_v1_error_details);
  });

  it("is empty where nothing is extended", () => {
    expect(createDescriptorIndex([file_google_protobuf_descriptor]).extensions.size).toBe(0);
    expect(createDescriptorIndex([]).symbols.size).toBe(0);
    expect(index.files.get("catalog/v1/book.proto")).toBe(file_catalog_v1_book);
  });
});
