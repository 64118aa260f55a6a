import { setTimeout as sleep } from "node:timers/promises";
import { ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import type { Behaviour, EchoService } from "./gen/echo/v1/echo_service_pb.ts";

/** The echo service that tests call; see its proto for what each request makes it do. Keeps no state. */
export const echoService: ServiceImpl<typeof EchoService> = {
  async echo({ text, behaviour }, context) {
    await pause(behaviour, context);
    failIfTold(behaviour);
    return { text };
  },

  async *echoServerStream({ text, count, behaviour }, context) {
    for (let index = 0; index < count; index++) {
      await pause(behaviour, context);
      yield { text, index };
    }
    failIfTold(behaviour);
  },

  async echoClientStream(requests, context) {
    const texts: string[] = [];
    let last: Behaviour | undefined;
    for await (const { text, behaviour } of requests) {
      texts.push(text);
      last = behaviour;
    }
    await pause(last, context);
    failIfTold(last);
    return { text: texts.join(" ") };
  },

  async *echoBidiStream(requests, context) {
    for await (const { text, behaviour } of requests) {
      await pause(behaviour, context);
      failIfTold(behaviour);
      yield { text };
    }
  },
};

/** Waits as told; when the call ends first, throws the reason its signal was aborted with. */
async function pause(behaviour: Behaviour | undefined, { signal }: HandlerContext): Promise<void> {
  if (behaviour === undefined || behaviour.delayMs === 0) return;
  try {
    await sleep(behaviour.delayMs, undefined, { signal });
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  }
}

function failIfTold(behaviour: Behaviour | undefined): void {
  if (behaviour === undefined) return;
  if (behaviour.throwText !== "") throw new Error(behaviour.throwText);
  if (behaviour.failCode !== 0) throw new ConnectError("told to fail", behaviour.failCode);
}
