/** A failure whose message tells the developer what to do; a stack trace would add nothing. */
export class EmbeddedPostgresError extends Error {
  override readonly name: string = "EmbeddedPostgresError";
}

/** Another PostgreSQL server runs on the data folder. */
export class DataDirectoryInUseError extends EmbeddedPostgresError {
  override readonly name = "DataDirectoryInUseError";
  readonly dataDir: string;
  readonly pid: number;

  constructor(dataDir: string, pid: number) {
    super(
      `The data folder ${dataDir} is in use by the PostgreSQL server with process id ${pid}.\n` +
        "Stop the other `make run` or `make dev` of this folder, or set DATABASE_URL to use another database.\n" +
        `If nothing else is running, end the server with: kill -INT ${pid}`,
    );
    this.dataDir = dataDir;
    this.pid = pid;
  }
}
