import type { DescMethod, DescService } from "@bufbuild/protobuf";
import {
  type ConnectRouter,
  type ConnectRouterOptions,
  createConnectRouter,
  createServiceImplSpec,
  type Interceptor,
  type MethodImpl,
} from "@connectrpc/connect";
import { createMethodUrl } from "@connectrpc/connect/protocol";
import { compressions } from "../codec/compression.ts";
import { createMethodEntry, type EntryDefaults, type MethodEntry, type MethodImplementation } from "./method-entry.ts";

export interface RouterDefaults extends EntryDefaults {
  /** Around the interceptors of a streaming method. */
  readonly streamOuter: Interceptor;
  /** Within them, around its handler. */
  readonly streamInner: Interceptor;
}

/**
 * Calls `routes` with a router that has connect-es's interface, and compiles what it registers: entries by path.
 * A path that is registered twice keeps the later implementation, as with connect-node.
 */
export function compileRoutes(
  routes: (router: ConnectRouter) => void,
  defaults: RouterDefaults,
): ReadonlyMap<string, MethodEntry> {
  const entries = new Map<string, MethodEntry>();
  const { readMaxBytes, writeMaxBytes, compressMinBytes } = defaults;
  const connectRouter = createConnectRouter();

  function register(spec: MethodImplementation, options: Partial<ConnectRouterOptions>): void {
    const path = createMethodUrl("/", spec.method);
    connectRouter.rpc(spec.method, spec.impl as MethodImpl<DescMethod>, {
      acceptCompression: [...compressions],
      readMaxBytes,
      writeMaxBytes,
      compressMinBytes,
      ...options,
      binaryOptions: { recursionLimit: defaults.maxDepth, ...options.binaryOptions },
      jsonOptions: { recursionLimit: defaults.maxDepth, ...options.jsonOptions },
      interceptors: [defaults.streamOuter, ...(options.interceptors ?? defaults.interceptors), defaults.streamInner],
    });
    const handler = connectRouter.handlers.at(-1);
    const stream = spec.kind === "unary" ? undefined : handler;
    entries.set(path, createMethodEntry(spec, options, defaults, stream));
  }

  const router: ConnectRouter = {
    handlers: connectRouter.handlers,
    service(service: DescService, implementation, options) {
      const spec = createServiceImplSpec(service, implementation);
      for (const method of Object.values(spec.methods)) register(method as MethodImplementation, options ?? {});
      return router;
    },
    rpc(method: DescMethod, implementation, options) {
      register(
        { kind: method.methodKind, method, impl: implementation as MethodImplementation["impl"] },
        options ?? {},
      );
      return router;
    },
  };
  routes(router);
  return entries;
}
