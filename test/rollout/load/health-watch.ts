import { setTimeout as sleep } from "node:timers/promises";
import { create, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { type ServiceError, status } from "@grpc/grpc-js";
import { Health } from "@grpc-service-template/grpc-health";
import { createChannel } from "./grpc-js-calls.ts";

/** A client that always watches the health of some instance: when a stream ends, it opens the next. */
export interface HealthWatch {
  /** Statuses and, where a stream ended, the code that it ended with. */
  readonly events: readonly string[];
  stop(): void;
}

const { watch } = Health.method;
/** Before the next stream. */
const PAUSE_MS = 50;

export function startHealthWatch(target: string): HealthWatch {
  const client = createChannel(target);
  const events: string[] = [];
  let stopped = false;

  async function watchOnce(): Promise<void> {
    const stream = client.makeServerStreamRequest(
      `/${Health.typeName}/${watch.name}`,
      (message: MessageShape<typeof watch.input>) => Buffer.from(toBinary(watch.input, message)),
      (bytes) => fromBinary(watch.output, bytes),
      create(watch.input),
    );
    try {
      for await (const answer of stream) events.push(watch.output.field.status.enum?.value[answer.status]?.name ?? "");
      events.push("OK");
    } catch (error) {
      events.push(status[(error as ServiceError).code] ?? String(error));
    }
  }

  async function watchOn(): Promise<void> {
    while (!stopped) {
      await watchOnce();
      await sleep(PAUSE_MS);
    }
  }

  void watchOn();
  return {
    events,
    stop() {
      stopped = true;
      client.close();
    },
  };
}
