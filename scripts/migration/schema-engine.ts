import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { PrismaPg } from "@prisma/adapter-pg";
import { bindMigrationAwareSqlAdapterFactory } from "@prisma/driver-adapter-utils";
import * as bindings from "@prisma/schema-engine-wasm/schema_engine_bg";
import pg from "pg";

/** A file of the Prisma schema language. */
export interface SchemaFile {
  readonly path: string;
  readonly content: string;
}

export type { MigrationList } from "@prisma/schema-engine-wasm/schema_engine_bg";

export interface SchemaEngineSession extends AsyncDisposable {
  readonly engine: bindings.SchemaEngine;
}

/** Nothing is left out; `_prisma_migrations` the engine ignores by itself. */
export const NO_FILTERS = { externalTables: [], externalEnums: [] };

/**
 * Opens Prisma's schema engine, which does the work of `prisma migrate`, in its WebAssembly form: the binary would have to be
 * downloaded. Its npm package is internal to Prisma, hence pinned to Prisma's version and used by tools and tests only.
 *
 * Through the adapter the engine cuts scripts at every semicolon, so let internal/pkg/database apply migrations.
 */
export async function openSchemaEngine(url: string, schema: SchemaFile): Promise<SchemaEngineSession> {
  await loadWebAssembly();
  const pool = createCatalogPool(url);
  const adapter = bindMigrationAwareSqlAdapterFactory(new PrismaPg(pool));
  const options = { datamodels: [[schema.path, schema.content]] satisfies [string, string][] };
  try {
    const engine = await bindings.SchemaEngine.new(options, () => {}, adapter);
    return {
      engine,
      async [Symbol.asyncDispose]() {
        engine.free();
        await pool.end();
      },
    };
  } catch (error) {
    await pool.end();
    throw error;
  }
}

/**
 * The SQL that takes the database at `url` to `schema`, or undefined when it is there.
 *
 * @throws {Error} with the place and the reason, in words for people, when the schema is wrong
 */
export async function diffToSchema(url: string, schema: SchemaFile): Promise<string | undefined> {
  await using session = await openSchemaEngine(url, schema);
  const files = [schema];
  const { exitCode, stdout } = await session.engine.diff({
    from: { tag: "schemaDatasource", files, configDir: "." },
    to: { tag: "schemaDatamodel", files },
    script: true,
    exitCode: true,
    filters: NO_FILTERS,
  });
  // As of `prisma migrate diff --exit-code`: 0 is equal, 2 is different.
  return exitCode === 2 && stdout ? stdout : undefined;
}

/** As far as it is needed here: neither TypeScript's `es` libraries nor Node's types declare it. */
interface WebAssemblyGlobal {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: { __wbindgen_start(): void } } }>;
}

let loading: Promise<void> | undefined;

/** Done by hand since Node, which could run the package's own `import "….wasm"`, calls that experimental on standard error. */
function loadWebAssembly(): Promise<void> {
  loading ??= (async () => {
    const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyGlobal };
    // Not import.meta.resolve, which Vitest does not have everywhere.
    const script = createRequire(import.meta.url).resolve("@prisma/schema-engine-wasm/schema_engine_bg");
    const file = path.join(path.dirname(script), "schema_engine_bg.wasm");
    const { instance } = await WebAssembly.instantiate(await readFile(file), { "./schema_engine_bg.js": bindings });
    bindings.__wbg_set_wasm(instance.exports);
    instance.exports.__wbindgen_start();
  })();
  return loading;
}

/** PostgreSQL's `"char"` and `"char"[]`, and what to call them. */
const TYPE_ALIASES: ReadonlyMap<number, number> = new Map([
  [18, 25], // text
  [1002, 1009], // text[]
]);

/** The engine reads PostgreSQL's catalogue, which has columns of the internal type `"char"` that the adapter does not know. */
function createCatalogPool(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 2, connectionTimeoutMillis: 5_000 });
  pool.on("error", () => {});
  const query = pool.query.bind(pool) as (config: pg.QueryConfig) => Promise<pg.QueryResult>;
  pool.query = (async (config: pg.QueryConfig) => {
    const result = await query(config);
    for (const field of result.fields ?? []) field.dataTypeID = TYPE_ALIASES.get(field.dataTypeID) ?? field.dataTypeID;
    return result;
  }) as typeof pool.query;
  return pool;
}
