import { createApp, migrate } from "#internal/app/user-service/app.ts";
import { loadUserServiceConfig, SERVICE } from "#internal/app/user-service/config.ts";
import { runCommand } from "#internal/pkg/lifecycle/run-command.ts";
import { runUntilSignal } from "#internal/pkg/lifecycle/run-until-signal.ts";

await runCommand(SERVICE, {
  serve: () => runUntilSignal(createApp(loadUserServiceConfig())),
  migrate: () => migrate(loadUserServiceConfig()),
});
