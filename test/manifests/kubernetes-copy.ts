import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KUBERNETES, SERVICES } from "./tools.ts";

/** A copy of `deployments/kubernetes`, and of the script that deploys it, for tests to change. */
export interface KubernetesCopy {
  /** Where the copy of `deployments/kubernetes` is. */
  readonly folder: string;
  /** The copy of `build/ci/deploy.sh`. */
  readonly deployScript: string;
  /** Follows deployments/kubernetes/README.md, "A further service". */
  addService(name: string): Promise<void>;
  remove(): Promise<void>;
}

/** The service that a further one is a copy of. */
export const FIRST = SERVICES[0] ?? "";
/** Longer than all names, so it is none of them; and it begins with one, which must not be taken for it. */
export const FURTHER = `${SERVICES.toSorted((a, b) => b.length - a.length)[0]}-further`;

export async function copyKubernetes(): Promise<KubernetesCopy> {
  const root = await mkdtemp(join(tmpdir(), "manifests-"));
  const folder = join(root, KUBERNETES);
  const deployScript = join(root, "build/ci/deploy.sh");
  await cp(KUBERNETES, folder, { recursive: true });
  await cp("build/ci/deploy.sh", deployScript);
  return {
    folder,
    deployScript,
    async addService(name) {
      const target = join(folder, "base", name);
      await cp(join(folder, "base", FIRST), target, { recursive: true });
      const rename = (text: string) => text.replaceAll(FIRST, name).replaceAll(inVariables(FIRST), inVariables(name));
      for (const file of await readdir(target)) await edit(join(target, file), rename);
      await edit(join(folder, "base/kustomization.yaml"), (text) => `${text}  - ${name}\n`);
    },
    remove: () => rm(root, { recursive: true, force: true }),
  };
}

const inVariables = (service: string) => service.toUpperCase().replaceAll("-", "_");

async function edit(file: string, change: (text: string) => string): Promise<void> {
  await writeFile(file, change(await readFile(file, "utf8")));
}
