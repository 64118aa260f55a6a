import { create, type DescMethodUnary, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { CreateUserRequestSchema, GetUserRequestSchema, UserService } from "#api/user/v1/user_service_pb.ts";
import { CALL_TIMEOUT_MS } from "./load-plan.ts";
import type { UserCalls } from "./paced-calls.ts";

/**
 * A channel that balances between all addresses of its target. It has no retry policy; what grpc-js still does is to send
 * elsewhere a call that never left the client, which is what every gRPC client does (gRFC A6, transparent retries).
 */
export function createChannel(target: string): Client {
  return new Client(target, credentials.createInsecure(), {
    "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
    // The defaults, 30 s between two look-ups of a name and 20 s until the first new try, are longer than a rollout.
    "grpc.dns_min_time_between_resolutions_ms": 1_000,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1_000,
    "grpc.use_local_subchannel_pool": 1,
  });
}

/** Calls by gRPC, over a channel of grpc-js. */
export function createGrpcJsCalls(target: string): UserCalls {
  const client = createChannel(target);

  function unary<M extends DescMethodUnary>(
    method: M,
    request: MessageShape<M["input"]>,
  ): Promise<MessageShape<M["output"]>> {
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        `/${method.parent.typeName}/${method.name}`,
        (message: MessageShape<M["input"]>) => Buffer.from(toBinary(method.input, message)),
        (bytes): MessageShape<M["output"]> => fromBinary(method.output, bytes) as MessageShape<M["output"]>,
        request,
        { deadline: Date.now() + CALL_TIMEOUT_MS },
        (error: ServiceError | null, answer?: MessageShape<M["output"]>) => {
          if (error || answer === undefined) reject(error ?? new Error("no answer"));
          else resolve(answer);
        },
      );
    });
  }

  return {
    async createUser(email) {
      const request = create(CreateUserRequestSchema, { user: { email, displayName: "Load" } });
      return (await unary(UserService.method.createUser, request)).user?.id ?? "";
    },
    async getUser(id) {
      return (await unary(UserService.method.getUser, create(GetUserRequestSchema, { id }))).user?.id ?? "";
    },
    close: () => client.close(),
  };
}
