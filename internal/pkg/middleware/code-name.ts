import { Code } from "@connectrpc/connect";

/** The names that gRPC's own documentation and dashboards use: `NotFound`; `OK` for no error. */
export function codeName(code: Code | undefined): string {
  return code === undefined ? "OK" : Code[code];
}
