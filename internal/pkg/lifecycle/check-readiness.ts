import { get } from "node:http";
import { EXIT, ExitError } from "@grpc-service-template/service-lifecycle";

/** Below the 3 s that the image's HEALTHCHECK allows, so that the line says what was slow. */
const TIMEOUT_MS = 2_000;

/** Where the admin server listens; an empty host: on all of this machine's addresses. */
export interface AdminAddress {
  readonly host: string;
  readonly adminPort: number;
}

/**
 * Asks the service that runs beside this process, in the same container say, whether it is ready for calls: the command
 * `healthcheck`, for platforms that probe by running a program.
 * @throws ExitError when it is not ready, does not answer within 2 s, or cannot be asked
 */
export async function checkReadiness({ host, adminPort }: AdminAddress): Promise<void> {
  if (adminPort === 0) throw new ExitError("the admin port is 0, any free one: name the port", EXIT.configuration);
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  get({ host: host || "127.0.0.1", port: adminPort, path: "/readyz", signal: AbortSignal.timeout(TIMEOUT_MS) })
    .on("response", (response) => {
      response.resume();
      resolve(response.statusCode);
    })
    .on("error", reject);
  const status = await promise.catch((error: Error & { code?: string }) => {
    const reason = error.name === "AbortError" ? `no answer within ${TIMEOUT_MS} ms` : (error.code ?? error.name);
    throw new ExitError(`admin port ${adminPort}: ${reason}`, EXIT.unavailable);
  });
  if (status !== 200) throw new ExitError(`not ready: /readyz on port ${adminPort} says ${status}`, EXIT.unavailable);
}
