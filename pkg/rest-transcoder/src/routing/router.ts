import type { Binding } from "../rules/binding.ts";
import { findClashes } from "../rules/binding-clash.ts";
import { RuleError } from "../rules/rule-error.ts";
import { decodeSegments, decodeText, findPathFault } from "./path-value.ts";
import { growRouteTrees, type Route, type RouteNode, type Routes, type VariableSlice } from "./route-tree.ts";

export interface Match {
  readonly kind: "match";
  readonly binding: Binding;
  /** Decoded; of each of the binding's variables, in its order. */
  readonly values: readonly string[];
}

/** The path is known, but not with this method: 405. */
export interface WrongMethod {
  readonly kind: "wrong-method";
  /** Sorted. Has HEAD where it has GET. */
  readonly allow: readonly string[];
}

/** The path would match, but its text cannot be decoded: 400. */
export interface BadPath {
  readonly kind: "bad-path";
  /** Quotes nothing. */
  readonly reason: string;
}

export interface Router {
  /**
   * Finds the binding for a request; undefined: no binding has this path, whatever the method.
   *
   * @param httpMethod as sent: methods are case-sensitive. HEAD is GET where no binding for the same path names HEAD.
   * @param path as sent, from its first `/` to before the `?`
   */
  match(httpMethod: string, path: string): Match | WrongMethod | BadPath | undefined;
}

/**
 * A router that takes the most specific binding: at each segment a literal before `*` before `**`, and back again where
 * that leads nowhere. Source: http.proto; what it leaves open is strict:
 *
 * - Paths are taken as they are: `.`, `..`, `%2e` and empty segments are segments like others, and a slash at the end is
 *   an empty one. `*` does not take empty segments, `**` does, also none at all. `/` has no segments.
 * - What follows the last `:` of the last segment is a verb where a binding for this path, by whatever method, has
 *   that verb; otherwise it belongs to the segment. `%3A` is never a verb's.
 * - Among bindings for a path, one with another method does not hide a less specific one with the request's.
 *
 * @throws {RuleError} when two bindings match exactly the same requests
 */
export function createRouter(bindings: readonly Binding[]): Router {
  const clashes = findClashes(bindings);
  if (clashes.length > 0) throw new RuleError(clashes);
  const trees = growRouteTrees(bindings);
  return {
    match(httpMethod, path) {
      if (!path.startsWith("/")) return undefined;
      return matchVerb(trees, httpMethod, path) ?? matchTree(trees.get(""), httpMethod, path, path.length);
    },
  };
}

type Outcome = Match | WrongMethod | BadPath | undefined;

function matchVerb(trees: ReadonlyMap<string, RouteNode>, httpMethod: string, path: string): Outcome {
  const colon = findVerbColon(path);
  if (colon < 0) return undefined;
  const verb = decodeText(path.slice(colon + 1));
  // The tree of "" has the bindings without a verb: a colon at the end is no verb.
  return verb === null || verb === "" ? undefined : matchTree(trees.get(verb), httpMethod, path, colon);
}

/** The last in the last segment; -1: there is none. */
function findVerbColon(path: string): number {
  const colon = path.lastIndexOf(":");
  return colon < 0 || path.includes("/", colon) ? -1 : colon;
}

function matchTree(tree: RouteNode | undefined, httpMethod: string, path: string, end: number): Outcome {
  if (tree === undefined) return undefined;
  const search = new RouteSearch(httpMethod, path, end);
  const route = search.find(tree);
  if (route === undefined) return search.wrongMethod();
  const reason = findPathFault(path);
  if (reason !== undefined) return { kind: "bad-path", reason };
  return { kind: "match", binding: route.binding, values: search.valuesOf(route) };
}

/** One path's way through a tree. */
class RouteSearch {
  readonly #httpMethod: string;
  readonly #path: string;
  /** Where the segments end: before the verb. */
  readonly #end: number;
  readonly #isEncoded: boolean;
  /** Where each segment starts. One that starts after the end is not there. */
  readonly #starts: number[] = [];
  /** Of each segment, for literals; null: it cannot be decoded. */
  readonly #texts: (string | null)[] = [];
  #allow: Set<string> | undefined;

  constructor(httpMethod: string, path: string, end: number) {
    this.#httpMethod = httpMethod;
    this.#path = path;
    this.#end = end;
    this.#isEncoded = path.includes("%");
  }

  find(tree: RouteNode): Route | undefined {
    return this.#findFrom(tree, 0, this.#end === 1 ? 2 : 1);
  }

  #findFrom(node: RouteNode, depth: number, start: number): Route | undefined {
    this.#starts[depth] = start;
    if (start > this.#end) return this.#routeOf(node.routes) ?? this.#routeOf(node.deepRoutes);
    return this.#findBelow(node, depth, start) ?? this.#routeOf(node.deepRoutes);
  }

  #findBelow(node: RouteNode, depth: number, start: number): Route | undefined {
    const { literals, single } = node;
    if (literals.size === 0 && single === undefined) return undefined;
    const slash = this.#path.indexOf("/", start);
    const end = slash < 0 ? this.#end : slash;
    const literal = literals.size === 0 ? undefined : this.#literalOf(literals, depth, start, end);
    const route = literal && this.#findFrom(literal, depth + 1, end + 1);
    if (route !== undefined || single === undefined || start === end) return route;
    return this.#findFrom(single, depth + 1, end + 1);
  }

  #literalOf(literals: ReadonlyMap<string, RouteNode>, depth: number, start: number, end: number) {
    let text = this.#texts[depth];
    if (text === undefined) {
      text = this.#path.slice(start, end);
      if (this.#isEncoded) text = decodeText(text);
      this.#texts[depth] = text;
    }
    return text === null ? undefined : literals.get(text);
  }

  #routeOf(routes: Routes | undefined): Route | undefined {
    if (routes === undefined) return undefined;
    const route = routes.get(this.#httpMethod) ?? (this.#httpMethod === "HEAD" ? routes.get("GET") : undefined);
    if (route !== undefined || routes.has("*")) return route ?? routes.get("*");
    this.#allow ??= new Set();
    for (const method of routes.keys()) this.#allow.add(method);
    return undefined;
  }

  /** Undefined: the path is not known either. */
  wrongMethod(): WrongMethod | undefined {
    if (this.#allow === undefined) return undefined;
    if (this.#allow.has("GET")) this.#allow.add("HEAD");
    return { kind: "wrong-method", allow: [...this.#allow].sort() };
  }

  /** Of a path without fault. */
  valuesOf({ slices }: Route): string[] {
    const values: string[] = [];
    for (const slice of slices) values.push(this.#valueOf(slice));
    return values;
  }

  #valueOf({ start, end, isDeep, isMulti }: VariableSlice): string {
    const after = isDeep ? this.#end : (this.#starts[end] as number) - 1;
    const text = this.#path.slice(this.#starts[start], after);
    if (!this.#isEncoded) return text;
    return isMulti ? decodeSegments(text) : decodeURIComponent(text);
  }
}
