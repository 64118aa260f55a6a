import { runJob, runUntilSignal } from "@grpc-service-template/service-lifecycle";
import { createApp, migrate } from "#internal/app/user-service/app.ts";
import { configuration, loadUserServiceConfig, SERVICE } from "#internal/app/user-service/config.ts";
import { checkReadiness } from "#internal/pkg/lifecycle/check-readiness.ts";
import { runCommand } from "#internal/pkg/lifecycle/run-command.ts";

await runCommand(SERVICE, {
  serve: (args) => runUntilSignal(createApp(loadUserServiceConfig(process.env, args))),
  migrate: (args) => runJob((signal) => migrate(loadUserServiceConfig(process.env, args), signal)),
  healthcheck: (args) => checkReadiness(loadUserServiceConfig(process.env, args)),
  async config(args) {
    process.stdout.write(configuration.describe(args));
  },
});
