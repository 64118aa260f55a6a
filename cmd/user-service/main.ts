import { createApp, migrate } from "#internal/app/user-service/app.ts";
import { configuration, loadUserServiceConfig, SERVICE } from "#internal/app/user-service/config.ts";
import { runCommand } from "#internal/pkg/lifecycle/run-command.ts";
import { runUntilSignal } from "#internal/pkg/lifecycle/run-until-signal.ts";

await runCommand(SERVICE, {
  serve: (args) => runUntilSignal(createApp(loadUserServiceConfig(process.env, args))),
  migrate: (args) => migrate(loadUserServiceConfig(process.env, args)),
  async config(args) {
    process.stdout.write(configuration.describe(args));
  },
});
