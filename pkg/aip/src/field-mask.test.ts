import { create, type DescMessage, fromBinary, fromJson, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  ApiSchema,
  FieldDescriptorProto_Label,
  FieldDescriptorProtoSchema,
  FieldMaskSchema,
  FieldSchema,
  ValueSchema,
} from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { assert, describe, expect, expectTypeOf, test } from "vitest";
import { FieldMaskError, type FieldMaskViolation, resolveUpdateMask } from "./field-mask.ts";

// google.protobuf.Api is proto3: name and version are strings and syntax an enum with implicit presence, methods and
// options are lists, source_context is a message. Here clients may not change the edition.
const mutable = ["name", "version", "methods", "source_context", "syntax"] as const;

function resolve(
  paths: string[] | undefined,
  message: MessageInitShape<typeof ApiSchema> = {},
  allowed: readonly string[] = mutable,
) {
  return resolveUpdateMask({
    schema: ApiSchema,
    message: create(ApiSchema, message),
    mask: paths && create(FieldMaskSchema, { paths }),
    mutable: allowed,
  });
}

function violations(paths: string[], allowed?: readonly string[]): readonly FieldMaskViolation[] {
  try {
    resolve(paths, {}, allowed);
  } catch (error) {
    assert(error instanceof FieldMaskError);
    return error.violations;
  }
  throw new Error(`accepted ${paths}`);
}

describe("without a mask", () => {
  test.each([
    ["absent", undefined],
    ["empty", []],
  ])("an update changes the mutable fields that are populated (mask %s)", (_, paths) => {
    expect(resolve(paths, { version: "v2", name: "a", edition: "2024" })).toEqual(["name", "version"]);
  });

  test("an empty message changes nothing", () => {
    expect(resolve(undefined)).toEqual([]);
  });

  test("a field with implicit presence is populated when it is not zero", () => {
    expect(resolve(undefined, { name: "", syntax: 0 })).toEqual([]);
    expect(resolve(undefined, { syntax: 1 })).toEqual(["syntax"]);
  });

  test("a list is populated when it has elements, a message even when it is empty", () => {
    expect(resolve(undefined, { methods: [], sourceContext: {} })).toEqual(["source_context"]);
    expect(resolve(undefined, { methods: [{}] })).toEqual(["methods"]);
  });

  test("a field with explicit presence is populated also when it is zero", () => {
    const sent = create(FieldDescriptorProtoSchema, { name: "", proto3Optional: false });
    // Through the wire, since a message from a client has been there.
    const message = fromBinary(FieldDescriptorProtoSchema, toBinary(FieldDescriptorProtoSchema, sent));

    expect(
      resolveUpdateMask({
        schema: FieldDescriptorProtoSchema,
        message,
        mask: undefined,
        mutable: ["name", "number", "proto3_optional"],
      }),
    ).toEqual(["name", "proto3_optional"]);
  });

  test("of a oneof the field that is set is populated, also when it is zero", () => {
    const message = create(ValueSchema, { kind: { case: "boolValue", value: false } });

    expect(
      resolveUpdateMask({
        schema: ValueSchema,
        message,
        mask: undefined,
        mutable: ["number_value", "bool_value", "struct_value"],
      }),
    ).toEqual(["bool_value"]);
  });

  test("a nested field is populated when its message is there and the field in it is", () => {
    const nested = ["source_context.file_name"];

    expect(resolve(undefined, {}, nested)).toEqual([]);
    expect(resolve(undefined, { sourceContext: {} }, nested)).toEqual([]);
    expect(resolve(undefined, { sourceContext: { fileName: "a.proto" } }, nested)).toEqual(nested);
  });
});

describe("the mask *", () => {
  test("changes every mutable field, populated or not", () => {
    expect(resolve(["*"], { name: "a" })).toEqual([...mutable]);
    expect(resolve(["*", "*"])).toEqual([...mutable]);
  });

  test("is refused beside other paths", () => {
    expect(violations(["name", "*"])).toEqual([
      { path: "*", description: "* stands for all fields and must be the only path" },
    ]);
  });

  test("is not taken as a part of a path", () => {
    expect(violations(["*.name", "methods.*"]).map(({ path }) => path)).toEqual(["*.name", "methods.*"]);
  });
});

describe("a mask with paths", () => {
  test("changes the named fields, populated or not, in the order of the mutable ones", () => {
    expect(resolve(["syntax", "name"], { version: "v1" })).toEqual(["name", "syntax"]);
  });

  test("may name a field twice", () => {
    expect(resolve(["name", "name"])).toEqual(["name"]);
  });

  test("names fields in snake_case, as they arrive from JSON", () => {
    const mask = fromJson(FieldMaskSchema, "sourceContext,version");

    expect(resolve(mask.paths)).toEqual(["version", "source_context"]);
    expect(violations(["sourceContext"])).toEqual([
      { path: "sourceContext", description: "google.protobuf.Api has no field sourceContext" },
    ]);
  });

  test("may name the fields of a oneof, but not the oneof", () => {
    const options = {
      schema: ValueSchema,
      message: create(ValueSchema),
      mutable: ["null_value", "bool_value"] as const,
    };

    expect(resolveUpdateMask({ ...options, mask: create(FieldMaskSchema, { paths: ["bool_value"] }) })).toEqual([
      "bool_value",
    ]);
    expect(() => resolveUpdateMask({ ...options, mask: create(FieldMaskSchema, { paths: ["kind"] }) })).toThrow(
      FieldMaskError,
    );
  });

  test("gives the names back as the literal union of the mutable ones", () => {
    const changed = resolveUpdateMask({
      schema: ApiSchema,
      message: create(ApiSchema),
      mask: create(FieldMaskSchema, { paths: ["version"] }),
      mutable: ["name", "version"],
    });

    expectTypeOf(changed).toEqualTypeOf<("name" | "version")[]>();
    expect(changed).toEqual(["version"]);
  });
});

describe("a nested path", () => {
  const nested = ["name", "source_context.file_name"];

  test("is taken when it is listed as mutable", () => {
    expect(resolve(["source_context.file_name"], {}, nested)).toEqual(["source_context.file_name"]);
  });

  test("is selected by the path of its message, which reaches what is mutable below", () => {
    expect(resolve(["source_context"], {}, nested)).toEqual(["source_context.file_name"]);
  });

  test("is refused when its message is only mutable as a whole", () => {
    expect(violations(["source_context.file_name"])).toEqual([
      { path: "source_context.file_name", description: "source_context can only be updated as a whole" },
    ]);
  });

  test("is refused below anything but a singular message", () => {
    expect(violations(["name.length", "methods.name", "syntax.x"])).toEqual([
      { path: "name.length", description: "name is not a singular message, so no path leads into it" },
      { path: "methods.name", description: "methods is not a singular message, so no path leads into it" },
      { path: "syntax.x", description: "syntax is not a singular message, so no path leads into it" },
    ]);
  });

  test("is refused when its message has no such field", () => {
    expect(violations(["source_context.path"], nested)).toEqual([
      { path: "source_context.path", description: "google.protobuf.SourceContext has no field path" },
    ]);
  });

  test("with the same start as a mutable one is another path", () => {
    expect(violations(["source_context"], ["name"])).toHaveLength(1);
    expect(resolve(["name"], {}, ["name"])).toEqual(["name"]);
    expect(
      resolveUpdateMask({
        schema: FieldSchema,
        message: create(FieldSchema),
        mask: create(FieldMaskSchema, { paths: ["type_url"] }),
        mutable: ["name", "type_url"],
      }),
    ).toEqual(["type_url"]);
  });
});

describe("a mask that cannot be used", () => {
  test("is refused with all of its violations, in its order, each once", () => {
    const found = violations(["edition", "nickname", "name", "", "nickname", "name.", "*"]);

    expect(found.map(({ path }) => path)).toEqual(["edition", "nickname", "", "name.", "*"]);
    for (const { description } of found) {
      expect(description).not.toBe("");
    }
  });

  test("says which fields can be updated when one cannot", () => {
    expect(violations(["edition"])).toEqual([
      {
        path: "edition",
        description: "not a field that can be updated; those are: name, version, methods, source_context, syntax",
      },
    ]);
  });

  test.each([
    "",
    " ",
    " name",
    "name ",
    "name.",
    ".name",
    "source_context..file_name",
    "methods.0",
    "na-me",
    "name\n",
    "`name`",
    "名",
  ])("is malformed when a path is %j", (path) => {
    expect(violations([path])).toEqual([
      { path, description: "not a field path: names in snake_case, joined by dots, without spaces" },
    ]);
  });

  test.each(["__proto__", "constructor", "toString", "$typeName"])("knows no field %s", (path) => {
    expect(violations([path])).toHaveLength(1);
  });

  test("is answered with a hundred violations at most", () => {
    const found = violations(Array.from({ length: 100_000 }, (_, index) => `field_${index}`));

    expect(found).toHaveLength(100);
    expect(found.at(-1)?.path).toBe("field_99");
  });

  test("has an error with a short message and a name", () => {
    expect(() => resolve(["nickname", "edition"])).toThrow(
      expect.objectContaining({
        name: "FieldMaskError",
        message: "field mask with 2 invalid path(s), the first: google.protobuf.Api has no field nickname",
      }),
    );
  });
});

test.each(["nickname", "name.length", "source_context.path"])(
  "a mutable path that the schema does not have (%s) is the program's mistake, whatever the mask",
  (path) => {
    for (const paths of [undefined, ["*"], ["name"]]) {
      expect(() => resolve(paths, {}, ["name", path])).toThrow(TypeError);
    }
  },
);

/** All paths of a schema that lead through singular messages only, down to a depth. */
function pathsOf(schema: DescMessage, depth: number): string[] {
  return schema.fields.flatMap((field) => [
    field.name,
    ...(field.fieldKind === "message" && depth > 1
      ? pathsOf(field.message, depth - 1).map((path) => `${field.name}.${path}`)
      : []),
  ]);
}

test("any mask selects what a simple model says, or names exactly the paths the model refuses", () => {
  const known = pathsOf(FieldDescriptorProtoSchema, 2);
  const reaches = (from: string, to: string) => to === from || to.startsWith(`${from}.`);
  const path = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...known) },
    { weight: 1, arbitrary: fc.constantFrom("*", "nickname", "name.x", "options.", "") },
    { weight: 1, arbitrary: fc.string() },
  );
  fc.assert(
    fc.property(fc.subarray(known), fc.array(path, { minLength: 1, maxLength: 6 }), (allowed, paths) => {
      const isFull = paths.every((candidate) => candidate === "*");
      const refused = isFull ? [] : paths.filter((from) => !allowed.some((to) => reaches(from, to)));
      const run = () =>
        resolveUpdateMask({
          schema: FieldDescriptorProtoSchema,
          message: create(FieldDescriptorProtoSchema, { label: FieldDescriptorProto_Label.OPTIONAL }),
          mask: create(FieldMaskSchema, { paths }),
          mutable: allowed,
        });

      if (refused.length === 0) {
        expect(run()).toEqual(allowed.filter((to) => isFull || paths.some((from) => reaches(from, to))));
      } else {
        const expected = [...new Set(refused)].map((from) => expect.objectContaining({ path: from }));
        expect(run).toThrow(expect.objectContaining({ name: "FieldMaskError", violations: expected }));
      }
    }),
    { seed: 161, numRuns: Number(process.env.FUZZ_RUNS ?? 300) },
  );
});
