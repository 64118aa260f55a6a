import { connect } from "node:net";
import { type ContainerRuntimeClient, getContainerRuntimeClient, ImageName } from "testcontainers";

/**
 * A program: finds out whether a container of the image that its argument names can be started here, pulling the image where
 * it must. Ends with 0, or with 1 and the reason on standard error. It says on standard output what it waits for, which is the
 * reason when its patience ends before it does. A process of its own, since neither wait can be called off.
 */
async function probe(image: string, host: string | undefined): Promise<void> {
  // Testcontainers says no more than that it found no engine.
  if (host) await reach(host);
  process.stdout.write("the engine does not answer\n");
  const client = await getContainerRuntimeClient();
  const name = ImageName.fromString(image);
  if (await client.image.exists(name)) return;
  process.stdout.write(`${image} is not here and takes its time to be pulled\n`);
  await pull(client, name);
}

async function pull(client: ContainerRuntimeClient, name: ImageName): Promise<void> {
  const missing = `${name.string} is not here and cannot be pulled`;
  await client.image.pull(name).catch((error: Error) => {
    throw new Error(`${missing}: ${error.message.trim()}`);
  });
  // A pull that breaks off ends like a finished one.
  if (!(await client.image.exists(name))) throw new Error(missing);
}

function reach(host: string): Promise<void> {
  process.stdout.write(`${host} does not answer\n`);
  const { hostname, port, pathname } = new URL(host);
  const socket = connect(hostname ? { host: hostname, port: Number(port || 2375) } : { path: pathname });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.on("connect", resolve);
  socket.on("error", (error: NodeJS.ErrnoException) => reject(new Error(`cannot connect to ${host} (${error.code})`)));
  return promise.finally(() => socket.destroy());
}

try {
  await probe(process.argv[2] ?? "", process.env.DOCKER_HOST);
} catch (error) {
  process.stderr.write(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
