import type { Call } from "../load/calls.ts";
import type { HttpVersion } from "../load/load.ts";
import type { ServerName } from "../servers/servers.ts";

/** One line of a table in docs/performance.md: ours against its peers, under one load. */
export interface Row {
  readonly name: string;
  readonly ours: ServerName;
  readonly peers: readonly ServerName[];
  readonly httpVersion: HttpVersion;
  /** What is called; the answers expected of ours may be others than the peers'. */
  callTo(server: ServerName): Call;
}
