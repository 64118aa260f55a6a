export type { RpcServerOptions } from "./options.ts";
export { createRpcServer, type ListenAddress, type RpcServer } from "./rpc-server.ts";
