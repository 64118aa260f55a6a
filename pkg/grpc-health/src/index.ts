export { Health } from "./gen/grpc/health/v1/health_pb.ts";
export { createHealth, type HealthOptions, type HealthServer, type ServingStatus } from "./health.ts";
