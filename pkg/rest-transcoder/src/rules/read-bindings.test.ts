import type { JsonValue } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import type { Binding } from "./binding.ts";
import { printPathTemplate } from "./print-path-template.ts";
import { readBindings } from "./read-bindings.ts";
import { createRpcs } from "./rpc.fixture.ts";
import { RuleError } from "./rule-error.ts";

/** `Get: GET /v1/{id} body=* response=id` */
function print({ rpc, httpMethod, template, body, responseBody }: Binding): string {
  const parts = [`${rpc.name}:`, httpMethod, printPathTemplate(template)];
  if (body !== undefined) parts.push(`body=${body === "*" ? body : body.name}`);
  if (responseBody !== undefined) parts.push(`response=${responseBody.name}`);
  return parts.join(" ");
}

function read(rules: Record<string, JsonValue | undefined>, serviceConfig?: string | object): string[] {
  const methods = createRpcs(rules);
  return readBindings({ methods, ...(serviceConfig === undefined ? {} : { serviceConfig }) }).map(print);
}

/** Lines about `Call`, a rule of which is given, without its name. */
function problems(rule: JsonValue): string[] {
  return linesOf(() => read({ Call: rule })).map((line) => line.replace("test.v1.TestService.Call: ", ""));
}

function linesOf(run: () => unknown): string[] {
  try {
    run();
  } catch (error) {
    if (error instanceof RuleError) return error.message.split("\n").slice(1);
    throw error;
  }
  return [];
}

describe("annotations", () => {
  test("of every kind are read, with their additional bindings, in order", () => {
    const rules = {
      Get: { get: "/v1/{id}", additionalBindings: [{ get: "/v1/u/{user.id}" }, { post: "/v1:get", body: "*" }] },
      Put: { put: "/v1/{id}", body: "user", responseBody: "parent" },
      Post: { post: "/v1", body: "tags", responseBody: "id" },
      Delete: { delete: "/v1/{id}" },
      Patch: { patch: "/v1/{user.id}", body: "user" },
      Head: { custom: { kind: "HEAD", path: "/v1/{id}" } },
      Any: { custom: { kind: "*", path: "/any/{id=**}" }, body: "labels" },
      None: undefined,
    };
    expect(read(rules)).toEqual([
      "Get: GET /v1/{id}",
      "Get: GET /v1/u/{user.id}",
      "Get: POST /v1:get body=*",
      "Put: PUT /v1/{id} body=user response=parent",
      "Post: POST /v1 body=tags response=id",
      "Delete: DELETE /v1/{id}",
      "Patch: PATCH /v1/{user.id} body=user",
      "Head: HEAD /v1/{id}",
      "Any: * /any/{id=**} body=labels",
    ]);
  });

  test("variables are the ways to their fields", () => {
    const [binding] = readBindings({ methods: createRpcs({ Call: { get: "/{user.parent.id}/{at}" } }) });
    const names = binding?.variables.map((fields) => fields.map(({ parent, name }) => `${parent.name}.${name}`));
    expect(names).toEqual([["Request.user", "User.parent", "User.id"], ["Request.at"]]);
  });

  test("methods without rules have none, and are no mistake", () => {
    expect(read({ Call: undefined })).toEqual([]);
  });

  test("a method given twice is one", () => {
    const methods = createRpcs({ Call: { get: "/" } });
    expect(readBindings({ methods: [...methods, ...methods] })).toHaveLength(1);
  });

  test.each<JsonValue>([
    { get: "/{number}/{at}/{wrapped}/{maybe}/{perhaps}" },
    { get: "/{user.id}/{user.parent.id}" },
    { patch: "/{user.id}", body: "user" },
    { patch: "/{right.id}", body: "right" },
    { delete: "/{id}", body: "*" },
    { custom: { kind: "*", path: "/" }, body: "*" },
  ])("%j is good", (rule) => {
    expect(problems(rule)).toEqual([]);
  });

  test.each<[JsonValue, string[]]>([
    [{}, ["the rule has no pattern: no get, put, post, delete, patch or custom"]],
    [{ body: "*" }, ["the rule has no pattern: no get, put, post, delete, patch or custom"]],
    [{ get: "v1" }, ['GET v1: expected "/", found "v" (offset 0)']],
    [{ get: "" }, ['GET : expected "/", found the end (offset 0)']],
    [{ custom: { path: "/" } }, [' /: the kind of a custom pattern is an HTTP method, or "*" for any']],
    [{ custom: { kind: "A B", path: "/" } }, ['A B /: the kind of a custom pattern is an HTTP method, or "*" for any']],
    [
      { custom: { kind: "get", path: "/" } },
      ['get /: custom kinds of the standard methods are written in capitals: "GET"'],
    ],
    [
      { custom: { kind: "Options", path: "/" } },
      ['Options /: custom kinds of the standard methods are written in capitals: "OPTIONS"'],
    ],
    [{ get: "/{x}" }, ['GET /{x}: the variable "x": test.v1.Request has no field "x"']],
    [{ get: "/{user.x}" }, ['GET /{user.x}: the variable "user.x": test.v1.User has no field "x"']],
    [{ get: "/{anyValue}" }, ['GET /{anyValue}: the variable "anyValue": test.v1.Request has no field "anyValue"']],
    [{ get: "/{id.x}" }, ['GET /{id.x}: the variable "id.x": "id" is not a message']],
    [{ get: "/{tags}" }, ['GET /{tags}: the variable "tags": "tags" is repeated']],
    [{ get: "/{users.id}" }, ['GET /{users.id}: the variable "users.id": "users" is repeated']],
    [{ get: "/{labels}" }, ['GET /{labels}: the variable "labels": "labels" is a map']],
    [{ get: "/{labels.key}" }, ['GET /{labels.key}: the variable "labels.key": "labels" is a map']],
    [{ get: "/{user}" }, ['GET /{user}: the variable "user": "user" is a message']],
    [{ get: "/{any_value}" }, ['GET /{any_value}: the variable "any_value": "any_value" is a message']],
    [{ get: "/{id}/{id}" }, ['GET /{id}/{id}: the variable "id" occurs twice']],
    [{ get: "/{at}/{at.nanos}" }, ['GET /{at}/{at.nanos}: the variables "at" and "at.nanos" set the same field']],
    [{ get: "/{at.nanos}/{at}" }, ['GET /{at.nanos}/{at}: the variables "at.nanos" and "at" set the same field']],
    [
      { get: "/{left}/{right.id}" },
      ['GET /{left}/{right.id}: the variables "left" and "right.id" are of one oneof, "side"'],
    ],
    [{ get: "/", body: "*" }, ["GET /: GET takes no body"]],
    [{ custom: { kind: "HEAD", path: "/" }, body: "id" }, ["HEAD /: HEAD takes no body"]],
    [{ post: "/", body: "x" }, ['POST /: body: test.v1.Request has no field "x"']],
    [{ post: "/", body: "user.id" }, ['POST /: body names a field of the message itself, not "user.id" within one']],
    [{ post: "/{id}", body: "id" }, ['POST /{id}: the body "id" and the variable "id" set the same field']],
    [
      { post: "/{left}", body: "right" },
      ['POST /{left}: the body "right" and the variable "left" are of one oneof, "side"'],
    ],
    [{ get: "/", responseBody: "x" }, ['GET /: response_body: test.v1.User has no field "x"']],
    [{ get: "/", responseBody: "*" }, ['GET /: response_body: test.v1.User has no field "*"']],
    [
      { get: "/", responseBody: "parent.id" },
      ['GET /: response_body names a field of the message itself, not "parent.id" within one'],
    ],
    [
      { get: "/", additionalBindings: [{ get: "/a", additionalBindings: [{ get: "/b" }] }] },
      ["GET /a: an additional binding has additional bindings itself"],
    ],
    [
      { get: "/{x}/{y}/{tags}", body: "x", responseBody: "y", additionalBindings: [{}, { get: "//" }] },
      [
        'GET /{x}/{y}/{tags}: the variable "x": test.v1.Request has no field "x"',
        'GET /{x}/{y}/{tags}: the variable "y": test.v1.Request has no field "y"',
        'GET /{x}/{y}/{tags}: the variable "tags": "tags" is repeated',
        "GET /{x}/{y}/{tags}: GET takes no body",
        'GET /{x}/{y}/{tags}: response_body: test.v1.User has no field "y"',
        "the rule has no pattern: no get, put, post, delete, patch or custom",
        'GET //: expected a segment, found "/" (offset 1)',
      ],
    ],
  ])("%j is refused", (rule, expected) => {
    expect(problems(rule)).toEqual(expected);
  });
});

describe("bindings that match exactly the same requests", () => {
  test.each([
    ["/v1/{id}", "/v1/{number=*}"],
    ["/v1/{id}:do", "/v1/*:d%6F"],
    ["/v1/{id=a/*}/**", "/v1/a/{id}/{number=**}"],
  ])("%s and %s are refused, and both RPCs named", (one, other) => {
    const [line, ...more] = linesOf(() => read({ One: { get: one }, Other: { get: other } }));
    expect(line).toMatch(
      /^test\.v1\.TestService\.Other: GET .+: matches the same requests as GET .+ of test\.v1\.TestService\.One$/,
    );
    expect(more).toEqual([]);
  });

  test.each([
    ["/v1/{id}", "/v1/a"],
    ["/v1/*", "/v1/%2A"],
    ["/v1/**", "/v1/*"],
    ["/v1/**", "/v1"],
    ["/v1/{id}:do", "/v1/{id}"],
    ["/v1/a:do", "/v1/a%3Ado"],
  ])("%s and %s are told apart", (one, other) => {
    expect(read({ One: { get: one }, Other: { get: other } })).toHaveLength(2);
  });
});

describe("a service config", () => {
  const annotated = { Get: { get: "/a" }, List: { get: "/b" }, Other: undefined };
  const yaml = [
    "type: google.api.Service",
    "config_version: 3",
    "name: test.example.com",
    "http:",
    "  fully_decode_reserved_expansion: true",
    "  rules:",
    "    - selector: test.v1.TestService.Get",
    "      get: /first",
    "    - selector: test.v1.TestService.Get",
    "      post: /c/{user.id}",
    "      body: '*'",
    "      response_body: parent",
    "      additional_bindings:",
    "        - get: /d",
  ].join("\n");
  const http = { rules: [{ selector: "test.v1.TestService.Other", get: "/c" }], fullyDecodeReservedExpansion: true };

  test("replaces the annotation of its RPCs, and the last rule wins", () => {
    expect(read(annotated, yaml)).toEqual([
      "Get: POST /c/{user.id} body=* response=parent",
      "Get: GET /d",
      "List: GET /b",
    ]);
  });

  test.each([
    ["an object", { http }],
    ["JSON", JSON.stringify({ http }, null, "\t")],
    ["JSON by proto names", JSON.stringify({ http: { rules: http.rules, fully_decode_reserved_expansion: false } })],
  ])("may be %s", (_, config) => {
    expect(read(annotated, config)).toEqual(["Get: GET /a", "List: GET /b", "Other: GET /c"]);
  });

  test.each([
    ["test.v1.TestService.Get, test.v1.TestService.Other", 2],
    ["test.v1.*", 3],
    ["*", 3],
  ])("selects RPCs by %s", (selector, count) => {
    const rule = { selector, get: "/{id}" };
    const clashes = linesOf(() => read(annotated, { http: { rules: [rule] } }));
    expect(clashes).toHaveLength(count - 1);
    const own = ["Get", "List", "Other"].map((name) => ({ selector: `test.v1.TestService.${name}`, get: `/${name}` }));
    expect(read(annotated, { http: { rules: [rule, ...own] } })).toEqual([
      "Get: GET /Get",
      "List: GET /List",
      "Other: GET /Other",
    ]);
  });

  test("without rules leaves the annotations", () => {
    expect(read(annotated, "http: {}")).toEqual(["Get: GET /a", "List: GET /b"]);
  });

  test("its rules are checked as annotations are", () => {
    const config = { http: { rules: [{ selector: "test.v1.TestService.Get", get: "/{x}" }] } };
    expect(linesOf(() => read(annotated, config))).toEqual([
      'test.v1.TestService.Get: GET /{x}: the variable "x": test.v1.Request has no field "x"',
    ]);
  });

  test.each<[string | object, RegExp]>([
    ["", /^service config: it has no "http"$/],
    ["config/service.yaml", /^service config: it must be given as text, not a path$/],
    ["name: x", /^service config: it has no "http"$/],
    ["http: [", /^service config: it is neither YAML nor JSON: /],
    ['{"http": {}', /^service config: it is neither YAML nor JSON: /],
    ["http: {}\nhttp: {}", /^service config: it is neither YAML nor JSON: /],
    ["http:", /^service config: its "http" is not a google\.api\.Http: /],
    ["http: {rules: [{gett: /x}]}", /^service config: its "http" is not a google\.api\.Http: .*gett/],
    [{ http: { rules: [{ get: "/a", put: "/b" }] } }, /^service config: its "http" is not a google\.api\.Http: /],
    [{ http: { rules: [{ get: "/a" }] } }, /^service config: the selector "" selects no RPC$/],
    [{ http: { rules: [{ selector: "test.v1.TestService.Gone" }] } }, /the selector "test\.v1\.TestService\.Gone" sel/],
    [{ http: { rules: [{ selector: "test.v1.TestService" }] } }, /the selector "test\.v1\.TestService" selects no RPC/],
    [{ http: { rules: [{ selector: "test.*.Get" }] } }, /the selector "test\.\*\.Get" selects no RPC/],
    [{ http: { rules: [{ selector: "other.*" }] } }, /the selector "other\.\*" selects no RPC/],
  ])("%j is refused", (config, reason) => {
    expect(linesOf(() => read(annotated, config))[0]).toMatch(reason);
  });
});
