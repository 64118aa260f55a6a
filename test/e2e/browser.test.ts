import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createTestDatabase, type TestDatabase } from "../database/test-database.ts";
import { type ServiceProcess, startService } from "./service-process.ts";

const BROWSERS = [
  process.env.BROWSER_PATH,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];
const browserPath = BROWSERS.find((path) => path !== undefined && existsSync(path));
if (!browserPath && !process.env.CI) process.stderr.write("skipped, as no Chromium was found: set BROWSER_PATH\n");

let database: TestDatabase;
let service: ServiceProcess;
const page = createServer();

beforeAll(async () => {
  const bundle = await build({
    entryPoints: ["test/e2e/browser-page.ts"],
    bundle: true,
    format: "esm",
    platform: "browser",
    write: false,
  });
  page.on("request", (_request, response) => {
    response.setHeader("content-type", "text/html");
    response.end(`<!doctype html><script type="module">${bundle.outputFiles[0]?.text}</script>`);
  });
  await new Promise<void>((resolve) => page.listen(0, "127.0.0.1", resolve));
  database = await createTestDatabase("user-service");
  // A page of another origin: without CORS the browser refuses its calls.
  service = await startService({ DATABASE_URL: database.url, USER_SERVICE_CORS_ORIGINS: pageOrigin() });
});

afterAll(async () => {
  page.close();
  await service?.stop();
  await database?.drop();
});

it.skipIf(!browserPath && !process.env.CI)("answers a web page's Connect and gRPC-Web clients", async () => {
  if (!browserPath) throw new Error("no Chromium was found: install it, or set BROWSER_PATH");
  const browser = await chromium.launch({ executablePath: browserPath, args: ["--no-sandbox", "--disable-quic"] });
  try {
    const tab = await browser.newPage();
    await tab.goto(`${pageOrigin()}/?baseUrl=${encodeURIComponent(service.baseUrl)}`);
    const results = await tab.waitForFunction(() => Reflect.get(globalThis, "results"), undefined, { timeout: 45_000 });

    const seen = {
      created: "Grace",
      listed: true,
      refusal: "already_exists",
      field: "user.email",
      requestId: "from-the-page",
    };
    expect(await results.jsonValue()).toEqual({ connect: seen, "connect GET": seen, "grpc-web": seen });
  } finally {
    await browser.close();
  }
});

function pageOrigin(): string {
  return `http://127.0.0.1:${(page.address() as AddressInfo).port}`;
}
