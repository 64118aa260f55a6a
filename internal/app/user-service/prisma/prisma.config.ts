import { defineConfig } from "prisma/config";

/** Read by `prisma generate` alone. Migrations are written by scripts/migration.ts and applied by internal/pkg/database. */
export default defineConfig({
  schema: "schema.prisma",
  migrations: { path: "migrations" },
});
