import {
  create,
  type DescMessage,
  type DescMethodBiDiStreaming,
  type DescMethodClientStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  type CallOptions,
  Client,
  type ClientDuplexStream,
  type ClientOptions,
  type ClientReadableStream,
  type ClientWritableStream,
  credentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";

/** The answer of a call with one answer, and what came around it. */
export interface Answer<O extends DescMessage> {
  readonly message: MessageShape<O>;
  readonly header: Metadata;
  readonly trailer: Metadata;
}

interface CallSettings {
  readonly metadata?: Metadata;
  readonly options?: CallOptions;
}

/** grpc-js's client, taking protobuf-es's methods and messages. */
export interface InteropClient {
  /** Rejects with grpc-js's ServiceError. */
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    message: MessageInitShape<I>,
    settings?: CallSettings,
  ): Promise<Answer<O>>;
  serverStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    message: MessageInitShape<I>,
  ): ClientReadableStream<MessageShape<O>>;
  /** `answer` rejects with grpc-js's ServiceError. */
  clientStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodClientStreaming<I, O>,
  ): { call: ClientWritableStream<MessageInitShape<I>>; answer: Promise<MessageShape<O>> };
  bidiStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O>,
    settings?: CallSettings,
  ): ClientDuplexStream<MessageInitShape<I>, MessageShape<O>>;
  close(): void;
}

/** A client with a connection of its own. */
export function connectGrpcJs(address: string, options: ClientOptions = {}): InteropClient {
  // By default grpc-js shares connections between clients of one address.
  const client = new Client(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1, ...options });
  return {
    unary(method, message, { metadata = new Metadata(), options: callOptions = {} } = {}) {
      return new Promise((resolve, reject) => {
        let header = new Metadata();
        let trailer = new Metadata();
        let answer: MessageShape<typeof method.output> | undefined;
        const done = (error: ServiceError | null, value?: MessageShape<typeof method.output>) => {
          if (error) reject(error);
          else answer = value;
        };
        client
          .makeUnaryRequest(
            path(method),
            write(method.input),
            read(method.output),
            message,
            metadata,
            callOptions,
            done,
          )
          .on("metadata", (received) => {
            header = received;
          })
          .on("status", (status) => {
            trailer = status.metadata;
            if (answer !== undefined) resolve({ message: answer, header, trailer });
          });
      });
    },
    serverStream: (method, message) =>
      client.makeServerStreamRequest(path(method), write(method.input), read(method.output), message),
    clientStream(method) {
      const { promise, resolve, reject } = Promise.withResolvers<MessageShape<typeof method.output>>();
      const call = client.makeClientStreamRequest(
        path(method),
        write(method.input),
        read(method.output),
        (error, value) => (error ? reject(error) : resolve(value as MessageShape<typeof method.output>)),
      );
      return { call, answer: promise };
    },
    bidiStream: (method, { metadata = new Metadata(), options: callOptions = {} } = {}) =>
      client.makeBidiStreamRequest(path(method), write(method.input), read(method.output), metadata, callOptions),
    close: () => client.close(),
  };
}

function path(method: { name: string; parent: { typeName: string } }): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function write<I extends DescMessage>(schema: I): (message: MessageInitShape<I>) => Buffer {
  return (message) => Buffer.from(toBinary(schema, create(schema, message)));
}

function read<O extends DescMessage>(schema: O): (bytes: Buffer) => MessageShape<O> {
  return (bytes) => fromBinary(schema, bytes);
}
