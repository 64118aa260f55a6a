import { existsSync } from "node:fs";
import { chmod, cp, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { ENVIRONMENTS } from "@grpc-service-template/config";

/** What a service reads at run time, by what its files are called: anything else in these folders is nobody's to ship. */
const assetsOf = (service: string) => [
  { folder: `configs/${service}`, name: new RegExp(`^(${ENVIRONMENTS.join("|")})\\.json$`), isOptional: false },
  {
    folder: `internal/app/${service}/prisma/migrations`,
    name: /^([^/]+\/migration\.sql|migration_lock\.toml)$/,
    // A service may do without a database.
    isOptional: true,
  },
];

/**
 * Copies what `service` reads at run time from the repository at `root` to the same paths below `target`, where findAsset
 * looks for them. A `.env` or a dump beside them, which git ignores and so nobody sees, stays behind.
 */
export async function copyAssets(service: string, root: string, target: string): Promise<void> {
  for (const { folder, name, isOptional } of assetsOf(service)) {
    if (isOptional && !existsSync(join(root, folder))) continue;
    const files = await readdir(join(root, folder), { recursive: true });
    // The service looks for the folder, even when there is nothing in it.
    await mkdir(join(target, folder), { recursive: true });
    for (const file of files.filter((each) => name.test(each))) {
      await cp(join(root, folder, file), join(target, folder, file));
      // The service runs as somebody else than who checked it out, whose umask may keep others from reading.
      await chmod(join(target, folder, file), 0o644);
    }
  }
}
