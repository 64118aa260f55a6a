/** What libraries export. */
const LIBRARY_BORDER = "^pkg/[^/]+/src/(index|protocol)\\.ts$";
const TEST = "\\.(test|contract|fixture)\\.ts$";

/** What a layer of a service may import, besides itself, internal/pkg/errors and internal/pkg/call. */
const layer = (name, comment, allowed) => ({
  name: `${name}-imports`,
  comment,
  severity: "error",
  from: { path: `^internal/app/([^/]+)/${name}/`, pathNot: TEST },
  to: {
    path: "^(internal|pkg|cmd|scripts|test)/",
    pathNot: ["^internal/pkg/(errors|call)/", `^internal/app/$1/${name}/`, ...allowed],
  },
});

/** Packages that only one room may know, so that they can be replaced there. */
const confined = (name, packages, comment, rooms) => ({
  name,
  comment,
  severity: "error",
  from: { path: "^(cmd|internal|pkg)/", pathNot: [TEST, ...rooms] },
  to: { path: `(^|/)node_modules/(${packages})/` },
});

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    layer(
      "model",
      "The model is the middle: it knows no transport, no storage and no library, so that all may know it.",
      [],
    ),
    layer(
      "service",
      "Rules are written in terms of the model, so that they hold whatever calls them and stores for them.",
      ["^internal/app/$1/model/", "^pkg/aip/"],
    ),
    layer("handler", "A handler translates between the proto and the model; storage is none of its business.", [
      "^internal/app/$1/(service|model)/",
      "^pkg/",
    ]),
    layer(
      "repository",
      "A repository translates between the model and the database; protos are none of its business.",
      ["^internal/app/$1/(model|prisma)/", "^pkg/aip/", "^internal/pkg/database/"],
    ),
    {
      name: "inner-layers-know-no-machinery",
      comment: "Rules and data outlive the server, the logger and the configuration library of the day.",
      severity: "error",
      from: { path: "^internal/app/[^/]+/(model|service|repository)/", pathNot: TEST },
      to: { path: "(^|/)node_modules/(@connectrpc/[^/]+|@grpc/[^/]+|winston|convict|prom-client)/|^(node:)?https?2?$" },
    },
    {
      name: "model-knows-no-package",
      comment: "The model is plain TypeScript: what it says holds whatever packages come and go.",
      severity: "error",
      from: { path: "^internal/app/[^/]+/model/", pathNot: TEST },
      to: { path: "(^|/)node_modules/" },
    },
    {
      name: "services-stand-alone",
      comment: "A service knows no other service's code, so that each can move, be renamed or go by itself.",
      severity: "error",
      from: { path: "^internal/app/([^/]+)/" },
      to: { path: "^internal/app/", pathNot: "^internal/app/$1/" },
    },
    {
      name: "wiring-only-in-app",
      comment: "Only app.ts wires: nothing that it puts together may reach back to it.",
      severity: "error",
      from: { path: "^internal/app/[^/]+/.+/", pathNot: TEST },
      to: { path: "^internal/app/[^/]+/(app|config|database)\\.ts$" },
    },
    {
      name: "shared-code-knows-no-service",
      comment: "internal/pkg serves every service, the ones to come included.",
      severity: "error",
      from: { path: "^internal/pkg/", pathNot: TEST },
      to: { path: "^(internal/app|cmd|scripts|test)/" },
    },
    {
      name: "libraries-stand-alone",
      comment:
        "A library under pkg/ can be published: it imports nothing of the template, and of another library what that exports.",
      severity: "error",
      from: { path: "^pkg/(?!api/)([^/]+)/" },
      to: {
        path: "^(internal|cmd|scripts|test|pkg)/",
        // Messages of every kind, for tests of what reads and writes any.
        pathNot: ["^pkg/$1/", LIBRARY_BORDER, "^pkg/rpc-server/test/(arbitrary-message|gen/kinds/v1/kinds_pb)\\.ts$"],
      },
    },
    {
      name: "libraries-by-their-border",
      comment: "A library is used through its index, as if it came from the registry; its inner files may change.",
      severity: "error",
      from: { path: "^(cmd|internal|scripts)/", pathNot: TEST },
      to: { path: "^pkg/(?!api/)[^/]+/", pathNot: LIBRARY_BORDER },
    },
    {
      name: "main-only-calls",
      comment: "cmd parses the command and calls the app; whatever else it needed would belong in the app.",
      severity: "error",
      from: { path: "^cmd/([^/]+)/", pathNot: TEST },
      to: {
        path: "^(internal|pkg)/",
        pathNot: ["^internal/app/$1/(app|config)\\.ts$", "^(internal/pkg/lifecycle|pkg/service-lifecycle)/"],
      },
    },
    confined(
      "prisma-stays-with-the-database",
      "@prisma/[^/]+|pg",
      "Prisma and pg stay beside the database, so that either can be replaced without touching the rules.",
      [
        "^internal/app/[^/]+/(repository|prisma)/",
        "^internal/app/[^/]+/database\\.ts$",
        "^internal/pkg/database/",
        "^pkg/(bounded-pg|prisma-migrations)/",
      ],
    ),
    confined(
      "protobuf-stays-at-the-border",
      "@bufbuild/[^/]+",
      "Protobuf types end at the handler, so that the contract and the rules change apart.",
      ["^internal/app/[^/]+/handler/", "^internal/pkg/middleware/", "^pkg/"],
    ),
    {
      name: "no-tests-in-code",
      comment: "What runs in production does not depend on tests.",
      severity: "error",
      from: { path: "^(cmd|internal|pkg)/", pathNot: [TEST, "^pkg/[^/]+/test/"] },
      to: { path: [TEST, "/test/", "^test/"] },
    },
    {
      name: "no-circles",
      comment: "Files that need each other are one file, or hide a third that both need.",
      severity: "error",
      from: { pathNot: "/(generated|gen)/" },
      to: { circular: true },
    },
    {
      name: "declared-packages",
      comment: "What is imported stands in package.json; what production imports stands under dependencies.",
      severity: "error",
      from: { path: "^(cmd|internal|pkg/[^/]+/src)/", pathNot: [TEST, "\\.config\\.ts$"] },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown", "unknown"], dependencyTypesNot: ["type-only"] },
    },
    {
      name: "resolvable",
      comment: "Every import leads somewhere.",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^dist/|^coverage/)" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "types", "default"],
      extensions: [".ts", ".mjs", ".js", ".json"],
    },
  },
};
