import { rmSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type SourceWatcher, watchSources } from "./watch-sources.ts";

let root: string;
let watcher: SourceWatcher;

const write = async (file: string, content: string) => {
  await mkdir(path.dirname(path.join(root, file)), { recursive: true });
  await writeFile(path.join(root, file), content);
};

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), "watch-"));
  await write("cmd/service/main.ts", "1");
  await write("pkg/api/user/v1/user_pb.ts", "1");
  await write("configs/service/development.json", "{}");
  watcher = watchSources({ root, folders: ["cmd", "pkg", "configs", "missing"] });
});

afterEach(async () => {
  watcher.close();
  await rm(root, { recursive: true });
});

test("reports changed, new and deleted files of one burst together", async () => {
  // In one turn: on a busy machine any other burst may take longer than the quiet time that ends it.
  writeFileSync(path.join(root, "cmd/service/main.ts"), "2");
  writeFileSync(path.join(root, "cmd/service/main.ts"), "3");
  writeFileSync(path.join(root, "cmd/service/other.ts"), "new");
  rmSync(path.join(root, "configs/service/development.json"));
  expect(await watcher.next()).toEqual([
    "cmd/service/main.ts",
    "cmd/service/other.ts",
    "configs/service/development.json",
  ]);
});

test("hears every save of an editor that renames a new file onto the old one", async () => {
  for (const content of ["2", "3", "4"]) {
    await write("cmd/service/.main.ts.tmp", content);
    await rename(path.join(root, "cmd/service/.main.ts.tmp"), path.join(root, "cmd/service/main.ts"));
    expect(await watcher.next()).toEqual(["cmd/service/main.ts"]);
  }
});

test("watches new folders, and what is below them, and moved ones", async () => {
  await write("cmd/other/deep/er/main.ts", "1");
  expect(await watcher.next()).toEqual(["cmd/other/deep/er/main.ts"]);
  await write("cmd/other/deep/er/main.ts", "2");
  expect(await watcher.next()).toEqual(["cmd/other/deep/er/main.ts"]);
  await rename(path.join(root, "cmd/other"), path.join(root, "cmd/moved"));
  expect(await watcher.next()).toEqual(["cmd/moved/deep/er/main.ts", "cmd/other/deep/er/main.ts"]);
  await write("cmd/moved/deep/er/main.ts", "3");
  expect(await watcher.next()).toEqual(["cmd/moved/deep/er/main.ts"]);
});

test("goes on watching a folder that was deleted and created anew", async () => {
  await rm(path.join(root, "pkg/api"), { recursive: true });
  await write("pkg/api/user/v1/user_pb.ts", "2");
  expect(await watcher.next()).toEqual(["pkg/api/user/v1/user_pb.ts"]);
  await write("pkg/api/user/v1/user_pb.ts", "3");
  expect(await watcher.next()).toEqual(["pkg/api/user/v1/user_pb.ts"]);
});

test("keeps what changes between two calls", async () => {
  await write("cmd/service/main.ts", "2");
  expect(await watcher.next()).toEqual(["cmd/service/main.ts"]);
  await write("cmd/service/main.ts", "3");
  await sleep(100); // longer than the debounce: nobody waits for it
  await write("configs/service/development.json", "{ }");
  expect(await watcher.next()).toEqual(["cmd/service/main.ts", "configs/service/development.json"]);
});

test("does not report what is no source, what did not change, or what was acknowledged", async () => {
  await utimes(path.join(root, "cmd/service/main.ts"), new Date(), new Date());
  await write("cmd/service/main.ts", "1");
  await write("cmd/service/main.test.ts", "1");
  await write("cmd/service/README.md", "1");
  await write("cmd/service/.main.ts.swp", "1");
  await write("cmd/service/4913", "");
  await write("pkg/aip/node_modules/x/index.js", "1");
  await write("pkg/aip/dist/index.js", "1");
  await rm(path.join(root, "pkg/api/user/v1"), { recursive: true });
  await write("pkg/api/group/v1/group_pb.ts", "1");
  watcher.acknowledge("pkg/api");
  const next = watcher.next();
  await sleep(200); // four times the debounce, in which nothing is to be reported
  await write("configs/service/production.json", "{}");
  expect(await next).toEqual(["configs/service/production.json"]);
});
