import type { DescFile } from "@bufbuild/protobuf";
import type {
  DescriptorProto,
  EnumDescriptorProto,
  FieldDescriptorProto,
  FileDescriptorProto,
} from "@bufbuild/protobuf/wkt";

/** Where everything is declared that can be reached from a set of files. Names are fully qualified, without leading dot. */
export interface DescriptorIndex {
  /** Files by path, as an import names it: `google/protobuf/timestamp.proto`. */
  readonly files: ReadonlyMap<string, DescFile>;
  /**
   * The declaring file of each service, method, message, field, oneof, enum, enum value and extension, those the compiler
   * adds (a map's entry message, the oneof of an optional field) included. An enum value has two names: its scope in
   * protobuf is that of its enum (`pkg.VALUE`), but people and some tools say `pkg.Enum.VALUE`.
   */
  readonly symbols: ReadonlyMap<string, DescFile>;
  /** The declaring file of each extension, by the message it extends and its field number. */
  readonly extensions: ReadonlyMap<string, ReadonlyMap<number, DescFile>>;
}

/**
 * Indexes the given files and, transitively, all they import. Where two generated copies of one path meet, the one found
 * first, nearest to the given files, stands for both.
 */
export function createDescriptorIndex(roots: Iterable<DescFile>): DescriptorIndex {
  const files = new Map<string, DescFile>();
  const pending = [...roots];
  for (const file of pending) {
    if (!files.has(file.proto.name)) {
      files.set(file.proto.name, file);
      pending.push(...file.dependencies);
    }
  }

  const symbols = new Map<string, DescFile>();
  const extensions = new Map<string, Map<number, DescFile>>();
  for (const file of files.values()) {
    for (const symbol of symbolsIn(file.proto)) {
      symbols.set(symbol, file);
    }
    for (const { extendee, number } of extensionsIn(file.proto.extension, file.proto.messageType)) {
      // In a descriptor a reference to a type starts with a dot.
      const typeName = extendee.replace(/^\./, "");
      const ofType = extensions.get(typeName) ?? new Map<number, DescFile>();
      extensions.set(typeName, ofType.set(number, file));
    }
  }
  return { files, symbols, extensions };
}

function* symbolsIn(file: FileDescriptorProto): Generator<string> {
  yield* symbolsInScope(file.package, file.messageType, file.enumType, file.extension);
  for (const service of file.service) {
    const serviceName = join(file.package, service.name);
    yield serviceName;
    for (const method of service.method) {
      yield join(serviceName, method.name);
    }
  }
}

/** What a file or a message declares, and all that is nested in it. */
function* symbolsInScope(
  scope: string,
  messages: DescriptorProto[],
  enums: EnumDescriptorProto[],
  extensions: FieldDescriptorProto[],
): Generator<string> {
  for (const message of messages) {
    const messageName = join(scope, message.name);
    yield messageName;
    for (const { name } of [...message.field, ...message.oneofDecl]) {
      yield join(messageName, name);
    }
    yield* symbolsInScope(messageName, message.nestedType, message.enumType, message.extension);
  }
  for (const { name, value } of enums) {
    yield join(scope, name);
    for (const { name: valueName } of value) {
      yield join(scope, valueName);
      yield join(join(scope, name), valueName);
    }
  }
  for (const { name } of extensions) {
    yield join(scope, name);
  }
}

function* extensionsIn(
  extensions: FieldDescriptorProto[],
  messages: DescriptorProto[],
): Generator<FieldDescriptorProto> {
  yield* extensions;
  for (const message of messages) {
    yield* extensionsIn(message.extension, message.nestedType);
  }
}

/** A file need not have a package. */
function join(scope: string, name: string): string {
  return scope === "" ? name : `${scope}.${name}`;
}
