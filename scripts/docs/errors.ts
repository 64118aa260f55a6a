// Writes docs/errors.md, the table of all errors that leave a service: `node scripts/docs/errors.ts`.
// Codes come from the taxonomy's table, reasons from the places where errors are made.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { codeToHttpStatus } from "@connectrpc/connect/protocol-connect";
import { CODES, reasonOf } from "#internal/pkg/middleware/errors.ts";
import { table, writeDocument } from "./document.ts";

interface Reason {
  readonly reason: string;
  readonly code: Code;
  readonly meaning: string;
  readonly details: readonly string[];
}

const root = join(import.meta.dirname, "../..");

const CODE_OF: ReadonlyMap<string, Code> = new Map(Array.from(CODES, ([{ name }, code]) => [name, code]));

const DETAILS: Readonly<Record<string, string>> = {
  InvalidArgument: "BadRequest",
  NotFound: "ResourceInfo",
  AlreadyExists: "ResourceInfo",
};

/** Of AIP-193 and the gRPC guide on status codes, in a few words. */
const OF_THE_SERVER: readonly (readonly [Code, string])[] = [
  [Code.Canceled, "the client ended the call"],
  [Code.DeadlineExceeded, "the call's time was over"],
  [Code.Unimplemented, "there is no such method, or the compression is unknown, or a call has not exactly one message"],
  [Code.ResourceExhausted, "a message is larger than the server takes or sends, or it holds too many bytes already"],
  [
    Code.InvalidArgument,
    "the request cannot be read; by REST, a BadRequest with every parameter or field that is wrong",
  ],
  [Code.NotFound, "nothing is served at this path"],
  [Code.Aborted, "by REST: the resource that a GET asks for does not have the etag in If-Match"],
  [
    Code.Unavailable,
    "the server is shutting down, or has too many calls in flight; ask again, another instance answers",
  ],
];

/** Every error that a file makes: `new Class({ reason: "…", message: … })`. */
function reasonsIn(path: string): Reason[] {
  const source = readFileSync(join(root, path), "utf8");
  const made = [...source.matchAll(/new (\w+)\(\{\s*reason: "([A-Z0-9_]+)"([\s\S]*?)\}\)/g)];
  const named = source.match(/\breason: "[A-Z0-9_]+"/g) ?? [];
  if (made.length !== named.length) throw new Error(`${path}: an error is not made as new Class({ reason: "…", … })`);
  return made.map(([, name = "", reason = "", rest = ""]) => {
    const code = CODE_OF.get(name);
    if (code === undefined) throw new Error(`${path}: ${name} is not in the table of codes`);
    const before = source.slice(0, source.indexOf(`"${reason}"`));
    const text = /message: [`"](.*)[`"]/.exec(rest) ?? [...before.matchAll(/const message = [`"](.*)[`"]/g)].at(-1);
    const retry = rest.includes("retryAfterMs") ? ["RetryInfo"] : [];
    return {
      reason,
      code,
      meaning: (text?.[1] ?? "").replaceAll(/\$\{(\w+)\}/g, "‹$1›"),
      details: [DETAILS[name] ?? [], retry].flat(),
    };
  });
}

function sources(pattern: string): string[] {
  return globSync(pattern, { cwd: root })
    .filter((path) => !/\.(test|contract|fixture)\.ts$|\/generated\//.test(path))
    .sort();
}

function rows(reasons: readonly Reason[]): string[][] {
  return reasons.map(({ reason, code, meaning, details }) => [
    `\`${reason}\``,
    `${code} ${reasonOf(code)}`,
    String(codeToHttpStatus(code)),
    ["ErrorInfo", ...details].join(", "),
    meaning,
  ]);
}

const HEAD = ["reason", "gRPC code", "HTTP status", "details", "what it says"];

const shared: readonly Reason[] = [
  {
    reason: "INVALID_REQUEST",
    code: Code.InvalidArgument,
    details: ["BadRequest"],
    meaning: "every wrong field, with its path",
  },
  ...sources("internal/pkg/**/*.ts")
    // The taxonomy, and what makes errors of what it does not know.
    .filter((path) => !/^internal\/pkg\/(errors|middleware)\/errors\.ts$/.test(path))
    .flatMap(reasonsIn),
  {
    reason: "INTERNAL",
    code: Code.Internal,
    details: [],
    meaning: "a defect: the request id, under which the log has it",
  },
];

const ofTheServer = OF_THE_SERVER.map(([code, meaning]): Reason => {
  return { reason: reasonOf(code), code, meaning, details: code === Code.Unavailable ? ["RetryInfo"] : [] };
});

const services = sources("internal/app/*/config.ts").map((path) => path.split("/")[2] ?? "");
const sections = services.map((service) => {
  const reasons = sources(`internal/app/${service}/**/*.ts`).flatMap(reasonsIn);
  return `## Of ${service}\n\nErrorInfo.domain is \`${service}\`, here and for what follows.\n\n${table(HEAD, rows(reasons))}`;
});

writeDocument("docs/errors.md", [
  "# Errors",
  `Every error carries a \`google.rpc.ErrorInfo\` ([AIP-193](https://google.aip.dev/193)): programs decide by its \`reason\`, which is
unique within its \`domain\`, or by the code; texts are for people and change. The HTTP status is that of Connect and of REST, where some have
a more exact one: 412 for ABORTED after an If-Match, 413 for a body that is too large, 404, 405, 406 and 415 for what is no call. A service names its reasons in its \`model/errors.ts\`;
\`internal/pkg/middleware/errors.ts\` has the one table from error to code.`,
  ...sections,
  `## Of every service\n\nA request is first read, then held to the rules of its proto. What cannot be read, as JSON with a field that
is unknown or of another type, is \`INVALID_ARGUMENT\` ([of the server](#of-the-server)) and names that alone: which rules the other fields
break, \`INVALID_REQUEST\` says once it can.\n\n${table(HEAD, rows(shared))}`,
  `## Of the server\n\nWhat ends a call before or beside its handler. A request that is no call (an unknown path or content type, the wrong
HTTP method) has a status and text, and by REST the same JSON as all errors: [pkg/rpc-server](../pkg/rpc-server/README.md#what-bad-input-gets),
[pkg/rest-transcoder](../pkg/rest-transcoder/README.md#errors). What Node's parser refuses (400, 408, 431 over HTTP/1.1) has no ErrorInfo.\n\n${table(HEAD, rows(ofTheServer))}`,
]);
