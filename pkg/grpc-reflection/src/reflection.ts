import { type DescFile, type DescService, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectRouter } from "@connectrpc/connect";
import { createDescriptorIndex } from "./descriptor-index.ts";
import {
  ServerReflection as V1,
  type ServerReflectionRequest as V1Request,
} from "./gen/grpc/reflection/v1/reflection_pb.ts";
import {
  ServerReflection as V1Alpha,
  type ServerReflectionRequest as V1AlphaRequest,
} from "./gen/grpc/reflection/v1alpha/reflection_pb.ts";

/** What a server tells of itself. */
export interface ReflectionOptions {
  /** The services that `list_services` names, besides the two reflection services. All that their files import can be found. */
  readonly services: readonly DescService[];
  /**
   * Further files to be found, with all they import: those of messages that travel in `google.protobuf.Any` only, such as
   * `google/rpc/error_details.proto`, which no service's file imports. Default: none.
   */
  readonly files?: readonly DescFile[];
}

/**
 * Registers `grpc.reflection.v1.ServerReflection` and its older twin v1alpha, which many tools still ask for first, on the
 * router. They answer as grpc-go's `reflection.Register` does; see the README for where they do more.
 */
export function registerReflection(router: Pick<ConnectRouter, "service">, options: ReflectionOptions): void {
  const answer = createReflection({ ...options, services: [...options.services, V1, V1Alpha] });

  // The two versions' messages differ in their names only, so one function answers both.
  async function* converse<Request extends V1Request | V1AlphaRequest>(requests: AsyncIterable<Request>) {
    const sent = new Set<string>();
    for await (const request of requests) {
      yield {
        validHost: request.host,
        originalRequest: request,
        messageResponse: answer(request.messageRequest, sent),
      };
    }
  }
  router.service(V1, { serverReflectionInfo: (requests) => converse(requests) });
  router.service(V1Alpha, { serverReflectionInfo: (requests) => converse(requests) });
}

type Question = (V1Request | V1AlphaRequest)["messageRequest"];

type Answer =
  | { case: "fileDescriptorResponse"; value: { fileDescriptorProto: Uint8Array[] } }
  | { case: "allExtensionNumbersResponse"; value: { baseTypeName: string; extensionNumber: number[] } }
  | { case: "listServicesResponse"; value: { service: { name: string }[] } }
  | { case: "errorResponse"; value: { errorCode: Code; errorMessage: string } };

/** Gives a function that answers one question, and adds the paths of the files it sends to those the stream has sent. */
function createReflection({ services, files = [] }: ReflectionOptions) {
  const index = createDescriptorIndex([...services.map(({ file }) => file), ...files]);
  const serviceNames = [...new Set(services.map(({ typeName }) => typeName))].sort();
  const serialize = createFileSerializer();

  /** The file, which was asked for, and those of its transitive imports that the stream has not carried yet. */
  function fileAnswer(file: DescFile | undefined, sent: Set<string>, notFound: string): Answer {
    if (file === undefined) {
      return errorAnswer(Code.NotFound, notFound);
    }
    sent.add(file.proto.name);
    const toSend = [file];
    for (const { proto } of toSend) {
      for (const path of proto.dependency) {
        const dependency = index.files.get(path);
        // What was sent before has had its own imports sent as well.
        if (dependency !== undefined && !sent.has(path)) {
          sent.add(path);
          toSend.push(dependency);
        }
      }
    }
    return { case: "fileDescriptorResponse", value: { fileDescriptorProto: toSend.map(serialize) } };
  }

  return function answer(question: Question, sent: Set<string>): Answer {
    switch (question.case) {
      case "listServices":
        return { case: "listServicesResponse", value: { service: serviceNames.map((name) => ({ name })) } };
      case "fileByFilename":
        return fileAnswer(index.files.get(question.value), sent, "file not found");
      case "fileContainingSymbol":
        return fileAnswer(index.symbols.get(question.value), sent, "symbol not found");
      case "fileContainingExtension": {
        const { containingType, extensionNumber } = question.value;
        return fileAnswer(index.extensions.get(containingType)?.get(extensionNumber), sent, "extension not found");
      }
      case "allExtensionNumbersOfType": {
        const baseTypeName = question.value;
        if (!index.symbols.has(baseTypeName)) {
          return errorAnswer(Code.NotFound, "type not found");
        }
        const numbers = [...(index.extensions.get(baseTypeName)?.keys() ?? [])].sort((a, b) => a - b);
        return { case: "allExtensionNumbersResponse", value: { baseTypeName, extensionNumber: numbers } };
      }
      default:
        return errorAnswer(Code.InvalidArgument, "message_request is not set, or this server does not know it");
    }
  };
}

/** Connect's codes are gRPC's numbers. */
function errorAnswer(errorCode: Code, errorMessage: string): Answer {
  return { case: "errorResponse", value: { errorCode, errorMessage } };
}

/** Serializes each file once: descriptors do not change. */
function createFileSerializer() {
  const serialized = new Map<DescFile, Uint8Array>();
  return function serialize(file: DescFile): Uint8Array {
    const bytes = serialized.get(file) ?? toBinary(FileDescriptorProtoSchema, file.proto);
    serialized.set(file, bytes);
    return bytes;
  };
}
