import { type Manifest, nameOf, ofKind } from "../manifest.ts";
import { isOfGrpc } from "./services.ts";

/** By what a service of the descriptors is called. */
export interface Api {
  /** As in the descriptors: `user.v1.UserService`. */
  readonly service: string;
  readonly methods: readonly string[];
  /** What the paths of its REST bindings begin with, before the first variable: `/v1/users`. */
  readonly restPaths: readonly string[];
}

/** A GRPCRoute without a match would lead to all: health and reflection stay inside. */
export function wrongGrpcRoutes(manifests: readonly Manifest[], apis: readonly Api[]): string[] {
  return ofKind(manifests, "GRPCRoute").flatMap((route) =>
    (route.spec?.rules ?? [])
      .flatMap(({ matches = [{}] }) => (matches.length > 0 ? matches : [{}]))
      .filter(({ method }) => {
        const api = apis.find(({ service }) => service === method?.service);
        return !api || (method?.method !== undefined && !api.methods.includes(method.method));
      })
      .map(({ method }) => `${nameOf(route)} routes ${method?.service ?? "all services"}: not of the descriptors`),
  );
}

/** Of a route by path. */
interface Match {
  readonly route: Manifest;
  readonly type: string;
  readonly path: string;
}

/** Not to be reached from outside: what the service answers beside its API, and what its admin port does. */
const INNER = ["/grpc.health.v1.Health/", "/grpc.reflection.v1.ServerReflection/", "/metrics", "/livez", "/readyz"];

export function wrongPaths(manifests: readonly Manifest[], apis: readonly Api[]): string[] {
  const matches = matchesOf(manifests);
  const paths = apis.flatMap(({ service, restPaths }) => [`/${service}/`, ...restPaths]);
  return [
    ...matches.flatMap((match) =>
      INNER.filter((path) => covers(match, path)).map((path) => `${nameOf(match.route)} exposes ${path}`),
    ),
    ...matches
      .filter((match) => !paths.some((path) => covers(match, path) || isUnder(path, match.path)))
      .map(({ route, path }) => `${nameOf(route)} routes ${path}, where nothing answers`),
    ...halfRouted(matches, apis),
  ];
}

/** What is called by HTTP from outside, is called by all of its bindings: one that is left out answers 404, and only there. */
function halfRouted(matches: readonly Match[], apis: readonly Api[]): string[] {
  const isRouted = (path: string) => matches.some((match) => covers(match, path));
  return apis
    .filter(({ service, restPaths }) => [`/${service}/`, ...restPaths].some(isRouted))
    .flatMap(({ service, restPaths }) =>
      restPaths.filter((path) => !isRouted(path)).map((path) => `no route leads to ${path} of ${service}`),
    );
}

function matchesOf(manifests: readonly Manifest[]): Match[] {
  const ofRoutes = ofKind(manifests, "HTTPRoute").flatMap((route) =>
    (route.spec?.rules ?? []).flatMap(({ matches = [] }) =>
      (matches.length > 0 ? matches : [{}]).map(({ path }) => ({
        route,
        type: path?.type ?? "PathPrefix",
        path: path?.value ?? "/",
      })),
    ),
  );
  const ofIngresses = ofKind(manifests, "Ingress").flatMap((route) =>
    (route.spec?.rules ?? []).flatMap(({ http }) =>
      (http?.paths ?? []).map(({ path = "/", pathType = "Prefix" }) => ({ route, type: pathType, path })),
    ),
  );
  return [...ofRoutes, ...ofIngresses.filter(({ route }) => !isOfGrpc(route))];
}

/** Prefixes are of whole segments: `/v1/users` does not cover `/v1/users:batch`. Source: https://gateway-api.sigs.k8s.io/reference/spec/#pathmatchtype */
function covers({ type, path }: Match, wanted: string): boolean {
  if (type === "Exact") return path === wanted;
  return type === "RegularExpression" ? new RegExp(`^(?:${path})`).test(wanted) : isUnder(path, wanted);
}

function isUnder(prefix: string, path: string): boolean {
  const whole = prefix.replace(/\/$/, "");
  return path === whole || path.startsWith(`${whole}/`);
}

/** Source: https://gateway-api.sigs.k8s.io/api-types/grpcroute/#cross-serving */
export function sharedHosts(manifests: readonly Manifest[]): string[] {
  const ofGrpc = ofKind(manifests, "GRPCRoute").flatMap(({ spec }) => spec?.hostnames ?? []);
  return ofKind(manifests, "HTTPRoute")
    .filter(({ spec }) => spec?.hostnames?.some((host) => ofGrpc.includes(host)))
    .map((each) => `${nameOf(each)} shares a name with a GRPCRoute: one of them gets nothing`);
}
