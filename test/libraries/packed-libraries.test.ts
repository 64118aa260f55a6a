import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

// What somebody gets who installs a library of pkg/ from npm. Each is packed, put into an empty project, and used there.

interface Library {
  readonly name: string;
  readonly folder: string;
}

interface Manifest {
  readonly name?: string;
  readonly version: string;
  readonly dependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
  readonly sharedProtos?: readonly string[];
}

const execute = promisify(execFile);
const repository = resolve(import.meta.dirname, "../..");
const libraries = readdirSync(join(repository, "pkg")).flatMap((entry): Library[] => {
  const folder = join(repository, "pkg", entry);
  const name = existsSync(join(folder, "package.json")) ? readManifest(folder).name : undefined;
  return name === undefined ? [] : [{ name, folder }];
});

const scratch = await mkdtemp(join(tmpdir(), "packed-libraries-"));
const tarballs = new Map<string, Promise<string>>();
const projects = new Map<string, Promise<string>>();
afterAll(() => rm(scratch, { recursive: true, force: true }));

test("the libraries of pkg/ are found", () => {
  expect(libraries.map(({ name }) => name)).toContain("@grpc-service-template/aip");
});

describe.each(libraries)("the tarball of $name", (library) => {
  let project: string;
  let installed: string;

  beforeAll(async () => {
    project = await projectOf(library);
    installed = join(project, "node_modules", library.name);
  });

  test("holds every source file, generated ones too, as JavaScript with declarations and source map, and no test", () => {
    const sources = filesIn(join(library.folder, "src")).filter((path) => !/\.(?:test|bench|fixture)\.ts$/.test(path));
    const expected = sources.flatMap((path) => [".js", ".d.ts", ".js.map"].map((end) => path.replace(/\.ts$/, end)));

    expect(filesIn(join(installed, "dist"))).toEqual(expected.sort());
  });

  test("holds the README, the licence and the protos, and nothing else", () => {
    const licence = [library.folder, repository].some((folder) => existsSync(join(folder, "LICENSE")))
      ? ["LICENSE"]
      : [];
    const own = filesIn(join(library.folder, "proto"));
    const shared = (readManifest(library.folder).sharedProtos ?? []).flatMap((folder) =>
      filesIn(join(repository, "api/third_party", folder)).map((path) => join(folder, path)),
    );
    const protos = [...own, ...shared].map((path) => join("proto", path));

    expect(filesIn(installed).filter((path) => !path.startsWith("dist"))).toEqual(
      [...licence, "README.md", "package.json", ...protos].sort(),
    );
  });

  test("mentions no path of this machine, and its source maps carry their source", () => {
    for (const path of filesIn(installed)) {
      const text = readFileSync(join(installed, path), "utf8");

      expect(text, path).not.toContain(repository);
      expect(text, path).not.toContain(join(tmpdir(), "pack-library-"));
      if (path.endsWith(".map")) {
        expect(JSON.parse(text), path).toMatchObject({ sourcesContent: [expect.any(String)] });
      }
    }
  });

  test("declares its types with imports that exist as files", () => {
    for (const path of filesIn(join(installed, "dist")).filter((file) => file.endsWith(".d.ts"))) {
      const text = readFileSync(join(installed, "dist", path), "utf8");
      for (const [, specifier = ""] of text.matchAll(/(?:from|import)[ (]*"(\.[^"]+)"/g)) {
        expect(existsSync(join(installed, "dist", dirname(path), specifier)), `${specifier} in ${path}`).toBe(true);
      }
    }
  });

  test("depends on version ranges of a registry", async () => {
    for (const [name, range] of Object.entries(dependenciesOf(readManifest(installed)))) {
      expect(range, name).toMatch(/^[\^~]?\d+\.\d+\.\d+$/);
    }
    // npm fails when a dependency is missing or what is installed is out of its range.
    await execute("npm", ["ls", "--offline", "--depth=1"], { cwd: project });
  });

  test("is imported by plain Node, with the exports of the source", async () => {
    const source = pathToFileURL(join(library.folder, "src/index.ts")).href;
    const names = await exportsOf(source, repository);

    expect(names).not.toEqual([]);
    expect(await exportsOf(library.name, project, "--no-strip-types")).toEqual(names);
  });
});

test("every tarball type-checks in a strict project, with what it declares, and none of its exports is any", async () => {
  const consumers = await Promise.all(
    libraries.map(async (library) => {
      const project = await projectOf(library);
      return writeConsumer(project, library.name, await exportsOf(library.name, project));
    }),
  );

  await typeCheck(consumers);
});

test("the tarball of rest-transcoder has the protos that its users' protos import", async () => {
  const library = libraries.find(({ name }) => name === "@grpc-service-template/rest-transcoder") as Library;
  const project = await projectOf(library);

  expect(filesIn(join(project, "node_modules", library.name, "proto"))).toEqual(
    ["annotations", "field_behavior", "http", "httpbody"].map((name) => `google/api/${name}.proto`),
  );
});

test("the tarball of rest-transcoder serves REST on a server from the tarball of rpc-server", async () => {
  const library = libraries.find(({ name }) => name === "@grpc-service-template/rest-transcoder") as Library;
  const project = await projectOf(library);

  const { stdout } = await execute(
    process.execPath,
    ["--no-strip-types", "--input-type=module", "--eval", SERVE_REST],
    { cwd: project },
  );

  expect(JSON.parse(stdout)).toEqual([200, "Hello, Emma"]);
});

/** A service without generated code, its rule in YAML, and a request to it. */
const SERVE_REST = `
  import { createFileRegistry, fromJson } from "@bufbuild/protobuf";
  import { FileDescriptorProtoSchema, file_google_protobuf_wrappers } from "@bufbuild/protobuf/wkt";
  import { createRestTranscoder } from "@grpc-service-template/rest-transcoder";
  import { createRpcServer } from "@grpc-service-template/rpc-server";

  const type = ".google.protobuf.StringValue";
  const file = fromJson(FileDescriptorProtoSchema, {
    name: "greeter.proto",
    package: "greeter",
    syntax: "proto3",
    dependency: ["google/protobuf/wrappers.proto"],
    service: [{ name: "Greeter", method: [{ name: "Greet", inputType: type, outputType: type }] }],
  });
  const greeter = createFileRegistry(file, () => file_google_protobuf_wrappers).getService("greeter.Greeter");
  const serviceConfig = "http: { rules: [{ selector: greeter.Greeter.Greet, get: '/v1/greetings/{value}' }] }";
  const server = createRpcServer({
    routes: (router) => router.service(greeter, { greet: ({ value }) => ({ value: "Hello, " + value }) }),
    protocols: [createRestTranscoder({ serviceConfig })],
  });
  const { port } = await server.listen({ port: 0, host: "127.0.0.1" });
  const response = await fetch("http://127.0.0.1:" + port + "/v1/greetings/Emma");
  console.log(JSON.stringify([response.status, await response.json()]));
  await server.close();
`;

describe("packing", () => {
  test("leaves the code of a sibling library out, and keeps its version range", async () => {
    const sibling = { name: "@grpc-service-template/aip", folder: join(repository, "pkg/aip") };
    const library = createLibrary("@example/uses-a-sibling", { [sibling.name]: "^0.1.0" }, [
      `import { type PageSizeLimits, resolvePageSize } from "${sibling.name}";`,
      "export const sizeOf = (requested: number, limits?: PageSizeLimits): number => resolvePageSize(requested, limits);",
    ]);
    const project = await projectOf(library);
    const installed = join(project, "node_modules", library.name);

    expect(filesIn(join(installed, "dist"))).toEqual(["index.d.ts", "index.js", "index.js.map"]);
    expect(readManifest(installed).dependencies).toEqual({ [sibling.name]: "^0.1.0" });
    expect(await exportsOf(library.name, project, "--no-strip-types")).toEqual(["sizeOf"]);
    await typeCheck([writeConsumer(project, library.name, ["sizeOf"])]);
  });

  test("a library that does not type-check is refused, with the compiler's words", async () => {
    const library = createLibrary("@example/wrong", {}, ['export const count: number = "one";']);

    await expect(tarballOf(library)).rejects.toThrow(/src\/index\.ts.*TS2322/);
  });

  test("a folder that is no library is refused in a line that says how to name one", async () => {
    const missing = { name: "@example/missing", folder: "rest-transcoder" };

    await expect(tarballOf(missing)).rejects.toMatchObject({
      code: 64,
      stderr: "there is no library rest-transcoder; usage: make pack LIB=pkg/aip\n",
    });
  });

  test("a library without the source that it exports is refused", async () => {
    const library = createLibrary("@example/empty", {}, undefined);

    await expect(tarballOf(library)).rejects.toThrow(/exports "\.\/src\/index\.ts", which is no file/);
  });
});

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

function dependenciesOf({ dependencies, peerDependencies }: Manifest): Record<string, string> {
  return { ...dependencies, ...peerDependencies };
}

/** Paths of the files below a folder, sorted; none when there is no such folder. */
function filesIn(folder: string): string[] {
  if (!existsSync(folder)) {
    return [];
  }
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

/** A library of one file, outside the repository. */
function createLibrary(name: string, dependencies: Record<string, string>, index: string[] | undefined): Library {
  const folder = join(scratch, "libraries", name);
  mkdirSync(join(folder, "src"), { recursive: true });
  const manifest = { name, version: "1.0.0", type: "module", exports: { ".": "./src/index.ts" }, dependencies };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  if (index !== undefined) {
    writeFileSync(join(folder, "src/index.ts"), `${index.join("\n")}\n`);
  }
  return { name, folder };
}

/** Packs a library once, however many projects use it. */
function tarballOf({ name, folder }: Library): Promise<string> {
  const packed = tarballs.get(name) ?? pack(folder);
  tarballs.set(name, packed);
  return packed;
}

async function pack(folder: string): Promise<string> {
  const script = join(repository, "scripts/pack-library.ts");
  const { stdout } = await execute(process.execPath, [script, folder, join(scratch, "tarballs")]);
  return stdout.trim().split("\n").at(-1) ?? "";
}

/** A project once for each library. */
function projectOf(library: Library): Promise<string> {
  const project = projects.get(library.name) ?? createProject(library);
  projects.set(library.name, project);
  return project;
}

/** An empty project that has the library and its declared dependencies, and nothing else but Node's types. */
async function createProject(library: Library): Promise<string> {
  const project = await mkdtemp(join(scratch, `${basename(library.folder)}-`));
  const { version } = readManifest(library.folder);
  const manifest = { name: "consumer", private: true, type: "module", dependencies: { [library.name]: version } };
  writeFileSync(join(project, "package.json"), JSON.stringify(manifest));
  await install(library, project);
  link("@types/node", project, repository);
  return project;
}

/**
 * What `npm install <tarball>` does, without a registry: npm asks one for every third-party dependency, which fails
 * offline, and online brings versions that nobody here has tested. So those are the repository's own. A package that a
 * library imports and does not declare is not there, and importing it fails as it would at a user's. A sibling is the one
 * of its own project, and finds there what it has declared itself.
 */
async function install(library: Library, project: string): Promise<void> {
  const target = join(project, "node_modules", library.name);
  const tarball = await tarballOf(library);
  mkdirSync(target, { recursive: true });
  await execute("tar", ["-xzf", tarball, "-C", target, "--strip-components=1"]);
  for (const name of Object.keys(dependenciesOf(readManifest(target)))) {
    const sibling = libraries.find((candidate) => candidate.name === name);
    link(name, project, sibling === undefined ? repository : await projectOf(sibling));
  }
}

/** Gives a project the package that another one has. */
function link(name: string, project: string, other: string): void {
  const target = join(project, "node_modules", name);
  mkdirSync(dirname(target), { recursive: true });
  symlinkSync(join(other, "node_modules", name), target, "junction");
}

/** The names a module exports, as Node sees them. */
async function exportsOf(specifier: string, cwd: string, ...flags: string[]): Promise<string[]> {
  const program = `import * as it from ${JSON.stringify(specifier)}; console.log(JSON.stringify(Object.keys(it)));`;
  const { stdout } = await execute(process.execPath, [...flags, "--input-type=module", "--eval", program], { cwd });
  return JSON.parse(stdout);
}

/** Writes a program that compiles only when the library declares exactly these names, and each has a type of its own. */
function writeConsumer(project: string, specifier: string, names: readonly string[]): string {
  const path = join(project, "consumer.ts");
  const program = `
    import * as library from ${JSON.stringify(specifier)};
    type IsAny<T> = 0 extends 1 & T ? true : false;
    type Checked = { [Name in keyof typeof library]: IsAny<(typeof library)[Name]> };
    export const checked: Checked = { ${names.map((name) => `${name}: false`).join(", ")} };
  `;
  writeFileSync(path, program);
  return path;
}

/** Checks programs with the declarations that they import, each with what its own project has; all at once, which is quicker. */
async function typeCheck(files: readonly string[]): Promise<void> {
  const compilerOptions = {
    module: "nodenext",
    target: "es2024",
    strict: true,
    noEmit: true,
    types: ["node"],
    // TypeScript's own declarations; those of libraries are checked.
    skipDefaultLibCheck: true,
  };
  const [program] = files;
  const config = join(dirname(program ?? scratch), "tsconfig.json");
  writeFileSync(config, JSON.stringify({ compilerOptions, files }));
  const tsc = join(repository, "node_modules/typescript/bin/tsc");
  // tsc writes to stdout, which execFile leaves out of its error's message.
  const { code = 0, stdout, stderr } = await execute(process.execPath, [tsc, "-p", config]).catch((error) => error);
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "", stderr: "" });
}
