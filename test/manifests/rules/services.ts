import { type Backend, backendsOf, type Manifest, nameOf, ofKind, type ServicePort } from "../manifest.ts";

/** What is reached from outside without a route is to be said: `publicServices` in expectations.ts. */
export function publicServices(manifests: readonly Manifest[], isPublic: (service: string) => boolean): string[] {
  return ofKind(manifests, "Service")
    .filter(({ spec }) => (spec?.type ?? "ClusterIP") !== "ClusterIP" || spec?.externalIPs?.length)
    .filter(({ metadata }) => !isPublic(metadata.name))
    .map((each) => `${nameOf(each)} is reached from outside, without a route`);
}

const ROUTES = ["GRPCRoute", "HTTPRoute", "Ingress"];

/** A route may lead to every port of its Service, with a line changed; a public one leads to all of them already. */
export function routedAdminPorts(manifests: readonly Manifest[]): string[] {
  const routed = ofKind(manifests, ...ROUTES).flatMap(backendsOf);
  return ofKind(manifests, "Service")
    .filter(
      ({ metadata, spec }) =>
        (spec?.type ?? "ClusterIP") !== "ClusterIP" || routed.some(({ name }) => name === metadata.name),
    )
    .filter(({ spec }) => spec?.ports?.some(({ targetPort }) => targetPort === "admin"))
    .map((each) => `${nameOf(each)} has routes, and the admin port`);
}

const H2C = "kubernetes.io/h2c";

/** Gateways choose the protocol by it; gRPC without TLS is HTTP/2 by prior knowledge, and nothing here answers TLS. */
export function wrongProtocols(manifests: readonly Manifest[]): string[] {
  const ofGrpc = ofKind(manifests, "GRPCRoute").flatMap(backendsOf);
  return ofKind(manifests, "Service").flatMap((service) => {
    const isGrpc = (port: ServicePort) =>
      port.name.startsWith("grpc") ||
      ofGrpc.some((backend) => backend.name === service.metadata.name && leadsTo(backend, port));
    return (service.spec?.ports ?? [])
      .filter(({ targetPort }) => targetPort === "rpc")
      .filter((port) => !(isGrpc(port) ? [H2C] : [H2C, "http"]).includes(port.appProtocol ?? ""))
      .map(({ name, appProtocol }) => `${nameOf(service)} says ${appProtocol} of its port ${name}`);
  });
}

function leadsTo({ port }: Backend, { name, port: number }: ServicePort): boolean {
  return typeof port === "number" ? port === number : port.name === name;
}

const NGINX_PROTOCOL = "nginx.ingress.kubernetes.io/backend-protocol";

/** ingress-nginx takes the protocol from an annotation, and HTTP/1.1 without it. */
export function wrongIngresses(manifests: readonly Manifest[]): string[] {
  return ofKind(manifests, "Ingress")
    .filter(({ spec }) => spec?.ingressClassName === "nginx")
    .filter((each) => isOfGrpc(each) !== (each.metadata.annotations?.[NGINX_PROTOCOL] === "GRPC"))
    .map((each) => `${nameOf(each)} leads gRPC to a port for HTTP, or HTTP to one for gRPC`);
}

/** Whether an Ingress leads to ports for gRPC. */
export function isOfGrpc(ingress: Manifest): boolean {
  return backendsOf(ingress).some(({ port }) => typeof port !== "number" && port.name.startsWith("grpc"));
}
