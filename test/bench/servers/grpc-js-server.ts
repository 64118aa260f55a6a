import { type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { type handleUnaryCall, type MethodDefinition, Server } from "@grpc/grpc-js";
import {
  CreateUserRequestSchema,
  CreateUserResponseSchema,
  GetUserRequestSchema,
  GetUserResponseSchema,
} from "#api/user/v1/user_service_pb.ts";
import { CREATE_USER_PATH, createUser, GET_USER_PATH, getUser } from "./users.ts";

/** grpc-js with nothing around its handlers. Messages are protobuf-es's, as everywhere in this benchmark. */
export function createGrpcJsServer(): Server {
  const server = new Server();
  server.addService(
    {
      GetUser: method(GET_USER_PATH, GetUserRequestSchema, GetUserResponseSchema),
      CreateUser: method(CREATE_USER_PATH, CreateUserRequestSchema, CreateUserResponseSchema),
    },
    { GetUser: handler(getUser), CreateUser: handler(createUser) },
  );
  return server;
}

function method<In extends DescMessage, Out extends DescMessage>(
  path: string,
  input: In,
  output: Out,
): MethodDefinition<MessageShape<In>, MessageShape<Out>> {
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: (message) => Buffer.from(toBinary(input, message)),
    requestDeserialize: (bytes) => fromBinary(input, bytes),
    responseSerialize: (message) => Buffer.from(toBinary(output, message)),
    responseDeserialize: (bytes) => fromBinary(output, bytes),
  };
}

function handler<In, Out>(answer: (request: In) => Out): handleUnaryCall<In, Out> {
  return (call, callback) => callback(null, answer(call.request));
}
