import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { v7 as uuidv7 } from "uuid";
import { beforeEach, describe, expect, it } from "vitest";
import type { User } from "#api/user/v1/user_pb.ts";
import {
  createUserClient,
  ETAG_MISMATCH,
  emailTaken,
  INVALID,
  notFound,
  refusalOf,
  type UserClient,
  userOf,
  WRONG_ETAGS,
} from "./user-client.fixture.ts";

const ADA = { email: "ada@example.org", displayName: "Ada" };
const NOBODY = uuidv7();

describe("UpdateUser", () => {
  let client: UserClient;
  let user: User;

  beforeEach(async () => {
    client = createUserClient();
    user = await userOf(client.createUser({ user: ADA }));
  });

  const stored = () => userOf(client.getUser({ id: user.id }));
  const update = (fields: { email?: string; displayName?: string; etag?: string }, paths?: string[]) =>
    client.updateUser({ user: { id: user.id, ...fields }, ...(paths && { updateMask: { paths } }) });

  it.each([
    ["no mask", undefined, { email: "new@example.org" }, { email: "new@example.org" }],
    ["no mask", undefined, { displayName: "New" }, { displayName: "New" }],
    ["no mask", undefined, { email: "n@x.org", displayName: "N" }, { email: "n@x.org", displayName: "N" }],
    ["an empty mask", [], { displayName: "New" }, { displayName: "New" }],
    ["a mask of *", ["*"], { email: "n@x.org", displayName: "N" }, { email: "n@x.org", displayName: "N" }],
    ["a mask of one field", ["email"], { email: "n@x.org", displayName: "N" }, { email: "n@x.org" }],
    ["a mask of one field", ["display_name"], { email: "n@x.org", displayName: "N" }, { displayName: "N" }],
    [
      "a mask of all",
      ["display_name", "email"],
      { email: "n@x.org", displayName: "N" },
      { email: "n@x.org", displayName: "N" },
    ],
    ["a mask with a path twice", ["email", "email"], { email: "n@x.org" }, { email: "n@x.org" }],
  ])("with %s (%j) and the values %j changes %j", async (_, paths, values, changed) => {
    const answer = await userOf(update(values, paths));
    expect(answer).toEqual({ ...user, ...changed, etag: expect.any(String), updateTime: expect.anything() });
    expect(answer.etag).not.toBe(user.etag);
    expect(answer.updateTime && timestampDate(answer.updateTime)).toEqual(new Date(2_000));
    expect(await stored()).toEqual(answer);
  });

  it.each([[undefined], [[]]])("of no field (mask %j) leaves the user as it is, etag and time too", async (paths) => {
    expect(await userOf(update({}, paths))).toEqual(user);
    expect(await userOf(update({ etag: user.etag }, paths))).toEqual(user);
    expect(await stored()).toEqual(user);
  });

  it("without a mask ignores what the server assigns", async () => {
    const time = timestampFromDate(new Date("1999-12-31T23:59:59Z"));
    const { id } = user;
    expect(await userOf(client.updateUser({ user: { id, createTime: time, updateTime: time } }))).toEqual(user);
  });

  it.each([
    ["unknown", ["no_such_field"]],
    ["unknown", ["displayName"]],
    ["unknown", ["Email"]],
    ["output-only", ["id"]],
    ["output-only", ["create_time"]],
    ["output-only", ["update_time"]],
    ["output-only", ["etag"]],
    ["inside a field that has none", ["email.domain"]],
    ["malformed", [""]],
    ["malformed", [" email"]],
    ["malformed", ["email,display_name"]],
    ["* beside others", ["*", "email"]],
    ["of several kinds", ["no_such_field", "id", "email.x", "a b", "create_time.seconds"]],
  ])("refuses a mask with a path that is %s: %j", async (_, paths) => {
    const refusal = await refusalOf(
      update({ email: "new@example.org", displayName: "New" }, ["display_name", ...paths]),
    );
    const bad = paths.filter((path) => path !== "email");
    expect(refusal).toMatchObject({ ...INVALID, fields: bad.map(() => "update_mask") });
    for (const [i, path] of bad.entries())
      expect(refusal.descriptions[i]).toMatch(new RegExp(`^"${path.replace("*", "\\*")}": .+`));
    expect(await stored()).toEqual(user);
  });

  it.each([
    [["email"], {}, ["user.email"]],
    [["display_name"], {}, ["user.display_name"]],
    [["email", "display_name"], {}, ["user.email", "user.display_name"]],
    [["email", "display_name"], { email: "new@example.org" }, ["user.display_name"]],
    [["*"], {}, ["user.email", "user.display_name"]],
    [["*"], { displayName: "New" }, ["user.email"]],
  ])("refuses to clear a field by the mask %j with the values %j, naming %j", async (paths, values, fields) => {
    expect(await refusalOf(update(values, paths))).toMatchObject({ ...INVALID, fields });
    expect(await stored()).toEqual(user);
  });

  it.each([
    [{ email: "ada" }, ["user.email"]],
    [{ displayName: " " }, ["user.display_name"]],
    [{ email: "ada", displayName: "a".repeat(101) }, ["user.email", "user.display_name"]],
  ])("refuses the values %j, naming %j", async (values, fields) => {
    expect(await refusalOf(update(values))).toMatchObject({ ...INVALID, fields });
    expect(await stored()).toEqual(user);
  });

  it("takes the stored etag, and gives another one each time", async () => {
    const second = await userOf(update({ displayName: "B", etag: user.etag }));
    const third = await userOf(update({ displayName: "C", etag: second.etag }));
    expect(new Set([user.etag, second.etag, third.etag]).size).toBe(3);
    expect(await refusalOf(update({ displayName: "D", etag: second.etag }))).toMatchObject(ETAG_MISMATCH);
    expect(await stored()).toEqual(third);
  });

  it.each(WRONG_ETAGS)("says ABORTED of an etag %s, even where nothing would change", async (_, etag) => {
    expect(await refusalOf(update({ displayName: "Eve", etag }))).toMatchObject(ETAG_MISMATCH);
    expect(await refusalOf(update({ etag }))).toMatchObject(ETAG_MISMATCH);
    expect(await stored()).toEqual(user);
  });

  it("lets one of two through that read the same etag", async () => {
    const { etag } = user;
    const results = await Promise.allSettled([update({ displayName: "B", etag }), update({ displayName: "C", etag })]);
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  it("says ALREADY_EXISTS of an email that another user has, and takes the user's own in other case", async () => {
    await client.createUser({ user: { email: "eve@example.org", displayName: "Eve" } });
    expect(await refusalOf(update({ email: "EVE@example.org" }))).toMatchObject(emailTaken("EVE@example.org"));
    expect(await stored()).toEqual(user);
    expect(await userOf(update({ email: "ADA@example.org" }))).toMatchObject({ email: "ADA@example.org" });
  });

  it("takes an id in upper case", async () => {
    const answer = client.updateUser({ user: { id: user.id.toUpperCase(), displayName: "New" } });
    expect(await userOf(answer)).toMatchObject({ id: user.id, displayName: "New" });
  });

  it.each([{}, { displayName: "New" }])("says NOT_FOUND of an id that nobody has (values %j)", async (values) => {
    const call = client.updateUser({ user: { id: NOBODY, ...values } });
    expect(await refusalOf(call)).toMatchObject(notFound(NOBODY));
  });

  it.each([
    ["no user", {}, ["user"]],
    ["no id", { user: { displayName: "New" } }, ["user.id"]],
    ["an id that is none", { user: { id: "x", displayName: "New" } }, ["user.id"]],
  ])("refuses %s", async (_, request, fields) => {
    expect(await refusalOf(client.updateUser(request))).toMatchObject({ ...INVALID, fields });
  });
});
