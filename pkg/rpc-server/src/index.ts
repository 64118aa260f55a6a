export type { CallObserver, ConnectionEvent, ObservedCall } from "./call/observer.ts";
export type { NodeRequest, NodeResponse } from "./connection/exchange.ts";
export type { MethodTimeouts } from "./method/method-entry.ts";
export type { RpcServerOptions } from "./options.ts";
export { type ConnectionInfo, connectionInfo } from "./request/connection-info.ts";
export { createRpcServer, type ListenAddress, type RpcServer } from "./rpc-server.ts";
