// Runs in a browser: calls the service with each of connect-web's transports and leaves what it saw in `results`.
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { BadRequestSchema } from "#api/google/rpc/error_details_pb.ts";
import { UserService } from "#api/user/v1/user_service_pb.ts";

async function use(transport: Transport, email: string) {
  const client = createClient(UserService, transport);
  const headers = { "x-request-id": "from-the-page" };
  let requestId: string | null = null;
  const onHeader = (received: Headers) => {
    requestId = received.get("x-request-id");
  };

  const { user } = await client.createUser({ user: { email, displayName: "Grace" } }, { headers, onHeader });
  const { users } = await client.listUsers({});
  const refusal = await client.createUser({ user: { email, displayName: "Eve" } }).catch(ConnectError.from);
  const invalid = await client.createUser({ user: { email: "no address", displayName: "E" } }).catch(ConnectError.from);
  return {
    created: user?.displayName,
    listed: users.some(({ id }) => id === user?.id),
    refusal: refusal instanceof ConnectError ? snakeCase(Code[refusal.code]) : "none",
    field:
      invalid instanceof ConnectError ? invalid.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field : "none",
    requestId,
  };
}

function snakeCase(name: string): string {
  return name.replace(/([a-z])([A-Z])/g, "$1_$2").toLowerCase();
}

const query = Reflect.get(globalThis, "location") as { search: string };
const baseUrl = new URLSearchParams(query.search).get("baseUrl") ?? "";
const results = {
  connect: await use(createConnectTransport({ baseUrl }), "connect@example.com"),
  "connect GET": await use(createConnectTransport({ baseUrl, useHttpGet: true }), "connect-get@example.com"),
  "grpc-web": await use(createGrpcWebTransport({ baseUrl }), "grpc-web@example.com"),
};
Reflect.set(globalThis, "results", results);
