// Calls the user service with three kinds of client until its standard input ends: `node main.ts PLAN`, a LoadPlan as JSON.
// Writes LoadLines.
import { once } from "node:events";
import { startGrpcGoCalls } from "./grpc-go-calls.ts";
import { createGrpcJsCalls } from "./grpc-js-calls.ts";
import { startHealthWatch } from "./health-watch.ts";
import { createHttp1Calls } from "./http1-calls.ts";
import { type ClientReport, type LoadLine, type LoadPlan, WORKERS } from "./load-plan.ts";
import { startPacedCalls } from "./paced-calls.ts";

const TELL_EVERY_MS = 100;

function tell(line: LoadLine, onWritten?: () => void): void {
  process.stdout.write(`${JSON.stringify(line)}\n`, onWritten);
}

const plan: LoadPlan = JSON.parse(process.argv[2] ?? "");
const pace = { callsPerSecond: plan.callsPerSecond, workers: WORKERS };
const watch = startHealthWatch(plan.grpcJsTarget);
const clients = [
  startPacedCalls("grpc-js", plan.run, createGrpcJsCalls(plan.grpcJsTarget), pace),
  startPacedCalls("http1", plan.run, createHttp1Calls(plan.http1Url), pace),
  startGrpcGoCalls(plan),
];
const answered = () => clients.reduce((sum, client) => sum + client.answered, 0);
const telling = setInterval(() => tell({ answered: answered(), watched: watch.events }), TELL_EVERY_MS);

process.stdin.resume();
await once(process.stdin, "end");
clearInterval(telling);
const reports: ClientReport[] = await Promise.all(clients.map((client) => client.stop()));
watch.stop();
// A report may be larger than a pipe takes at once, so its end is awaited.
tell({ report: { clients: reports, watched: watch.events } }, () => process.exit(0));
