import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { CALL_TIMEOUT_MS, type ClientReport, type LoadClient, type LoadPlan, WORKERS } from "./load-plan.ts";

type Line = { readonly answered: number } | { readonly report: ClientReport };

/** Calls by gRPC with grpc-go: the program in the folder of that name makes them. */
export function startGrpcGoCalls({ run, callsPerSecond, grpcGo }: LoadPlan): LoadClient {
  const { program, target, descriptors } = grpcGo;
  const plan = { run, target, descriptors, callsPerSecond, workers: WORKERS, callTimeoutMs: CALL_TIMEOUT_MS };
  const child = spawn(program, [JSON.stringify(plan)], { stdio: ["pipe", "pipe", "pipe"] });
  const ended = Promise.all([text(child.stderr), once(child, "close")]);
  let answered = 0;
  let report: ClientReport | undefined;
  createInterface(child.stdout).on("line", (json) => {
    const line: Line = JSON.parse(json);
    if ("report" in line) report = line.report;
    else answered = line.answered;
  });
  return {
    get answered() {
      return answered;
    },
    async stop(): Promise<ClientReport> {
      child.stdin.end();
      const [errors] = await ended;
      if (report === undefined) throw new Error(`${program} has reported nothing: ${errors}`);
      return report;
    },
  };
}
