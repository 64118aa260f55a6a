export type { MethodTimeouts } from "./call/method-entry.ts";
export type { CallObserver, ConnectionEvent, ObservedCall } from "./call/observer.ts";
export type { RpcServerOptions } from "./options.ts";
export { type ConnectionInfo, connectionInfo } from "./request/connection-info.ts";
export { createRpcServer, type ListenAddress, type RpcServer } from "./rpc-server.ts";
