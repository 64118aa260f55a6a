import { runJob, runUntilSignal } from "@grpc-service-template/service-lifecycle";
import { createApp, migrate } from "#internal/app/user-service/app.ts";
import { loadUserServiceConfig, SERVICE } from "#internal/app/user-service/config.ts";
import { runCommand } from "#internal/pkg/lifecycle/run-command.ts";

await runCommand(SERVICE, {
  serve: () => runUntilSignal(createApp(loadUserServiceConfig())),
  migrate: () => runJob((signal) => migrate(loadUserServiceConfig(), signal)),
});
