// NestJS compiles decorators; Node only strips types. They are applied as the functions that they are.
import "reflect-metadata";
import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import type { Server } from "node:http";
import {
  type ArgumentsHost,
  type CallHandler,
  Catch,
  Controller,
  type ExceptionFilter,
  type ExecutionContext,
  Get,
  HttpException,
  Module,
  type NestInterceptor,
  NotFoundException,
  Param,
  ParseUUIDPipe,
  RequestTimeoutException,
} from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { FastifyAdapter, type NestFastifyApplication, RouteSchema } from "@nestjs/platform-fastify";
import type { FastifyReply, FastifyRequest } from "fastify";
import { Counter, Histogram, Registry } from "prom-client";
import { catchError, Observable, TimeoutError, tap, throwError, timeout } from "rxjs";
import { plainUsers } from "../servers/plain-users.ts";
import { userSchema } from "../servers/user-schemas.ts";

/**
 * NestJS on Fastify with what our chain does: request id, deadline, metrics, errors, a check of the id, a limit for
 * bodies, each as its documentation shows it, and Fastify's compiled serializer for the answer.
 */
export async function createNestServer(): Promise<Server> {
  const adapter = new FastifyAdapter({ bodyLimit: 64 * 1024 });
  const app = await NestFactory.create<NestFastifyApplication>(AppModule, adapter, { logger: false });
  app.useGlobalInterceptors(
    new MetricsInterceptor(new Registry()),
    new RequestIdInterceptor(),
    new DeadlineInterceptor(),
  );
  app.useGlobalFilters(new ErrorFilter());
  await app.init();
  await adapter.getInstance().ready();
  return app.getHttpServer();
}

class UsersController {
  async getUser(id: string) {
    const user = plainUsers.get(id);
    if (!user) throw new NotFoundException("no such user");
    return user;
  }
}

const getUser = Object.getOwnPropertyDescriptor(UsersController.prototype, "getUser") as PropertyDescriptor;
Get(":id")(UsersController.prototype, "getUser", getUser);
RouteSchema({ response: { 200: userSchema } })(UsersController.prototype, "getUser", getUser);
Param("id", new ParseUUIDPipe())(UsersController.prototype, "getUser", 0);
Controller("v1/users")(UsersController);

class AppModule {}
Module({ controllers: [UsersController] })(AppModule);

const REQUEST_ID = "x-request-id";
const WELL_FORMED = /^[A-Za-z0-9._:/+=-]{1,128}$/;
const requestIds = new AsyncLocalStorage<string>();

class RequestIdInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const received = http.getRequest<FastifyRequest>().headers[REQUEST_ID];
    const id = typeof received === "string" && WELL_FORMED.test(received) ? received : randomUUID();
    const answer = new Observable((subscriber) => requestIds.run(id, () => next.handle().subscribe(subscriber)));
    return answer.pipe(
      catchError((error: unknown) => {
        http.getResponse<FastifyReply>().header(REQUEST_ID, id);
        return throwError(() => error);
      }),
    );
  }
}

const DEADLINE_MS = 30_000;

class DeadlineInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(
      timeout(DEADLINE_MS),
      catchError((error: unknown) =>
        throwError(() => (error instanceof TimeoutError ? new RequestTimeoutException() : error)),
      ),
    );
  }
}

class MetricsInterceptor implements NestInterceptor {
  readonly #handled: Counter<"method" | "route" | "status">;
  readonly #seconds: Histogram<"method" | "route">;

  constructor(registry: Registry) {
    this.#handled = new Counter({
      name: "http_requests_total",
      help: "Requests that were answered.",
      labelNames: ["method", "route", "status"],
      registers: [registry],
    });
    this.#seconds = new Histogram({
      name: "http_request_duration_seconds",
      help: "How long it took.",
      labelNames: ["method", "route"],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers: [registry],
    });
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { method, routeOptions } = context.switchToHttp().getRequest<FastifyRequest>();
    const route = routeOptions.url ?? "";
    const startedMs = performance.now();
    const count = (status: number) => {
      this.#handled.inc({ method, route, status: String(status) });
      this.#seconds.observe({ method, route }, (performance.now() - startedMs) / 1_000);
    };
    return next.handle().pipe(tap({ complete: () => count(200), error: (error: unknown) => count(statusOf(error)) }));
  }
}

class ErrorFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const status = statusOf(error);
    const message = error instanceof HttpException ? error.message : "internal error";
    const answer = { error: { code: status, message } };
    host.switchToHttp().getResponse<FastifyReply>().status(status).send(answer);
  }
}
Catch()(ErrorFilter);

function statusOf(error: unknown): number {
  return error instanceof HttpException ? error.getStatus() : 500;
}
