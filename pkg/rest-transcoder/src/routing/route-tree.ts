import type { Binding } from "../rules/binding.ts";
import type { PathVariable } from "../rules/path-template.ts";

/** The bindings of one path, by HTTP method. */
export type Routes = Map<string, Route>;

export interface Route {
  readonly binding: Binding;
  readonly slices: readonly VariableSlice[];
}

/** Where a variable's value is. */
export interface VariableSlice extends Pick<PathVariable, "start" | "end" | "isMulti"> {
  /** Whether it ends where the path ends, for it has `**`. */
  readonly isDeep: boolean;
}

/** A node at depth n stands for n segments: a path meets each node at most once, however it branches. */
export interface RouteNode {
  /** By decoded text. */
  readonly literals: Map<string, RouteNode>;
  /** `*` */
  single: RouteNode | undefined;
  /** Of paths that end here. */
  routes: Routes | undefined;
  /** `**`: of paths that end here or go on. */
  deepRoutes: Routes | undefined;
}

/** The bindings by verb (`""`: none), then by segments. Of two for the same requests, the last is taken. */
export function growRouteTrees(bindings: Iterable<Binding>): ReadonlyMap<string, RouteNode> {
  const trees = new Map<string, RouteNode>();
  for (const binding of bindings) {
    const { verb = "" } = binding.template;
    const tree = trees.get(verb) ?? createNode();
    trees.set(verb, tree);
    routesOf(tree, binding).set(binding.httpMethod, { binding, slices: slicesOf(binding) });
  }
  return trees;
}

function createNode(): RouteNode {
  return { literals: new Map(), single: undefined, routes: undefined, deepRoutes: undefined };
}

function routesOf(tree: RouteNode, { template }: Binding): Routes {
  let node = tree;
  for (const segment of template.segments) {
    if (segment.kind === "**") {
      node.deepRoutes ??= new Map();
      return node.deepRoutes;
    }
    node = segment.kind === "*" ? singleOf(node) : literalOf(node, segment.text);
  }
  node.routes ??= new Map();
  return node.routes;
}

function singleOf(node: RouteNode): RouteNode {
  node.single ??= createNode();
  return node.single;
}

function literalOf(node: RouteNode, text: string): RouteNode {
  const child = node.literals.get(text) ?? createNode();
  node.literals.set(text, child);
  return child;
}

function slicesOf({ template: { segments, variables } }: Binding): VariableSlice[] {
  return variables.map(({ start, end, isMulti }) => ({
    start,
    end,
    isMulti,
    isDeep: segments[end - 1]?.kind === "**",
  }));
}
