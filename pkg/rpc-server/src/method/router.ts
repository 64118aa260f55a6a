import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { type ConnectRouter, type ConnectRouterOptions, createServiceImplSpec } from "@connectrpc/connect";
import { createMethodUrl } from "@connectrpc/connect/protocol";
import type { MethodImplementation } from "./chains.ts";
import { createMethodEntry, type EntryDefaults, type MethodEntry } from "./method-entry.ts";

/**
 * Calls `routes` with a router that has connect-es's interface, and compiles what it registers: entries by path.
 * A path that is registered twice keeps the later implementation, as with connect-node.
 */
export function compileRoutes(
  routes: (router: ConnectRouter) => void,
  defaults: EntryDefaults,
): ReadonlyMap<string, MethodEntry> {
  const entries = new Map<string, MethodEntry>();

  function register(spec: MethodImplementation, options: Partial<ConnectRouterOptions>): void {
    entries.set(createMethodUrl("/", spec.method), createMethodEntry(spec, options, defaults));
  }

  const router: ConnectRouter = {
    // connect-es's own, which nobody needs here.
    handlers: [],
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
