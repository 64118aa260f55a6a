import { connect } from "node:net";
import { PostgreSqlContainer } from "@testcontainers/postgresql";
import { type ContainerRuntimeClient, getContainerRuntimeClient, ImageName } from "testcontainers";
import type { TestServer } from "./test-server.ts";

/** The tag that this version of testcontainers asks for, unless RYUK_CONTAINER_IMAGE says otherwise. */
const RYUK_IMAGE = "testcontainers/ryuk:0.14.0";

/**
 * Finds out whether a container of `image` can be started here: an engine answers and has the image, or gets it, in time.
 *
 * @throws {Error} with the reason, when not
 */
export async function probeContainerEngine(image: string, timeoutMs: number): Promise<void> {
  const host = process.env.DOCKER_HOST;
  const signal = AbortSignal.timeout(timeoutMs);
  // Testcontainers passes over a DOCKER_HOST that does not answer and takes the local socket instead.
  if (host) await reach(host, signal);
  const client = await within(signal, "the engine does not answer", getContainerRuntimeClient());
  await within(signal, `${image} is not here, and pulling it takes longer than ${timeoutMs} ms`, pull(client, image));
}

/** Starts a container. Not limited in time: the image may have to be pulled first. */
export async function startContainer(image: string): Promise<TestServer> {
  const client = await getContainerRuntimeClient();
  // Ryuk removes what a killed process leaves behind; it is not worth pulling a second image for.
  const ryuk = ImageName.fromString(process.env.RYUK_CONTAINER_IMAGE ?? RYUK_IMAGE);
  if (!(await client.image.exists(ryuk))) process.env.TESTCONTAINERS_RYUK_DISABLED ??= "true";

  const container = await new PostgreSqlContainer(image)
    .withCommand(["postgres", "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"])
    .withTmpFs({ "/var/lib/postgresql/data": "rw" })
    .start();
  return {
    description: `testcontainers (${image})`,
    adminUrl: container.getConnectionUri(),
    stop: async () => {
      await container.stop({ timeout: 0 });
    },
  };
}

async function pull(client: ContainerRuntimeClient, image: string): Promise<void> {
  const name = ImageName.fromString(image);
  await client.image.pull(name);
  // A refused pull ends like a finished one.
  if (!(await client.image.exists(name))) throw new Error(`${image} is not here and cannot be pulled`);
}

function reach(host: string, signal: AbortSignal): Promise<void> {
  const { hostname, port, pathname } = new URL(host);
  const target = hostname ? { host: hostname, port: Number(port || 2375) } : { path: pathname };
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect(target);
  socket.on("connect", resolve);
  socket.on("error", (error: NodeJS.ErrnoException) => reject(new Error(`cannot connect to ${host}, ${error.code}`)));
  return within(signal, `${host} does not answer`, promise).finally(() => socket.destroy());
}

/** `promise`, or an Error of `message` if the signal comes first. What loses the race goes on unheard. */
function within<T>(signal: AbortSignal, message: string, promise: Promise<T>): Promise<T> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(new Error(message));
  signal.addEventListener("abort", onAbort, { once: true });
  return Promise.race([promise, timeout]).finally(() => signal.removeEventListener("abort", onAbort));
}
