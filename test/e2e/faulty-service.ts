import { setTimeout as sleep } from "node:timers/promises";
import { runUntilSignal } from "@grpc-service-template/service-lifecycle";
import { createApp } from "#internal/app/user-service/app.ts";
import { loadUserServiceConfig, SERVICE } from "#internal/app/user-service/config.ts";
import { openDatabase } from "#internal/app/user-service/database.ts";
import { runCommand } from "#internal/pkg/lifecycle/run-command.ts";
import { createLogger } from "#internal/pkg/logger/logger.ts";

// The user service with the defect that the variable FAULT names: whoever creates a user meets it.
const FAULTS: Readonly<Record<string, () => void>> = {
  none() {},
  "throws later"() {
    setTimeout(() => {
      throw new Error("nobody catches this");
    });
  },
  "rejects later"() {
    void Promise.reject(new Error("nobody awaits this"));
  },
};

const fault = process.env.FAULT ?? "none";
const create = FAULTS[fault] ?? (() => {});
const config = loadUserServiceConfig();
const logger = createLogger({ level: "info", format: "json", service: SERVICE, version: "1" });
const database = openDatabase({ url: config.databaseUrl, applicationName: SERVICE }, logger);

await runCommand(SERVICE, {
  serve: () =>
    runUntilSignal(
      createApp(config, {
        logger,
        newId() {
          create();
          return crypto.randomUUID();
        },
        database: {
          ...database,
          async close() {
            if (fault === "never closes") await sleep(60_000);
            if (fault === "fails to close") throw new Error("cannot close");
            if (fault === "crashes while it closes") {
              FAULTS["rejects later"]?.();
              await sleep(20);
            }
            await database.close();
          },
        },
      }),
    ),
});
