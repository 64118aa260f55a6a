import { docker } from "./docker.ts";

export interface ImageFile {
  readonly path: string;
  readonly kind: "file" | "folder" | "other";
  /** User and group: `0:0`. */
  readonly owner: string;
  readonly mode: number;
  /** In bytes; 0 for what is no file. */
  readonly size: number;
  /** By whoever looks, on a root that can be written. */
  readonly isReadable: boolean;
  readonly isWritable: boolean;
}

/** What the engine mounts or writes for a container is not the image's. */
const CONTAINER_ONLY = /^\/(proc|sys|dev|\.dockerenv|etc\/(hosts|hostname|resolv\.conf|mtab))$/;

/** Every file of an image that has Node, as `user` sees it; root passes by no folder. */
export async function filesOf(image: string, user: string): Promise<ImageFile[]> {
  const script = `console.log(JSON.stringify((${listFiles})("/", ${CONTAINER_ONLY})))`;
  const options = ["--rm", "--network", "none", "--user", user, "--env", "NODE_OPTIONS=", "--workdir", "/"];
  return JSON.parse(await docker("run", ...options, "--entrypoint", "node", image, "--eval", script));
}

/** Runs inside: it knows nothing but what it says itself. */
function listFiles(start: string, isSkipped: RegExp): ImageFile[] {
  const fs: typeof import("node:fs") = process.getBuiltinModule("node:fs");
  const may = (path: string, what: number) => {
    try {
      fs.accessSync(path, what);
      return true;
    } catch {
      return false;
    }
  };
  const found: ImageFile[] = [];
  const folders = [start];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    if (!may(folder, fs.constants.R_OK | fs.constants.X_OK)) continue;
    for (const name of fs.readdirSync(folder)) {
      const path = `${folder === "/" ? "" : folder}/${name}`;
      if (isSkipped.test(path)) continue;
      const stat = fs.lstatSync(path);
      const kind = stat.isFile() ? "file" : stat.isDirectory() ? "folder" : "other";
      if (kind === "folder") folders.push(path);
      found.push({
        path,
        kind,
        owner: `${stat.uid}:${stat.gid}`,
        mode: stat.mode & 0o7777,
        size: kind === "file" ? stat.size : 0,
        isReadable: may(path, fs.constants.R_OK),
        // A link is as writable as what it leads to, which is looked at itself.
        isWritable: !stat.isSymbolicLink() && may(path, fs.constants.W_OK),
      });
    }
  }
  return found;
}
