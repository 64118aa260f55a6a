import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { v7 as uuidv7, version as versionOfUuid } from "uuid";
import { describe, expect, it } from "vitest";
import type { Call } from "#internal/pkg/call/call.ts";
import { Unavailable } from "#internal/pkg/errors/errors.ts";
import { createInMemoryUserRepository } from "../repository/in-memory-user-repository.ts";
import {
  createClientOfMany,
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

const ADA = { email: "Ada@example.org", displayName: "Ada" };
const NOBODY = uuidv7();
const NO_IDS = ["x", "0199f0a0-0000-7000-8000", `${NOBODY}0`, `{${NOBODY}}`, NOBODY.replaceAll("-", ""), ` ${NOBODY}`];

describe("CreateUser", () => {
  it("returns the user with id, etag and times, as GetUser does from then on", async () => {
    const client = createUserClient();
    const user = await userOf(client.createUser({ user: ADA }));
    expect(user).toMatchObject(ADA);
    expect(versionOfUuid(user.id)).toBe(7);
    expect(user.etag).not.toBe("");
    expect(user.createTime && timestampDate(user.createTime)).toEqual(new Date(1_000));
    expect(user.updateTime).toEqual(user.createTime);
    expect(await userOf(client.getUser({ id: user.id }))).toEqual(user);
  });

  it("ignores id, etag and times of the request", async () => {
    const client = createUserClient();
    const time = timestampFromDate(new Date("1999-12-31T23:59:59Z"));
    const sent = { ...ADA, id: NOBODY, etag: "mine", createTime: time, updateTime: time };
    const user = await userOf(client.createUser({ user: sent }));
    expect(user.id).not.toBe(NOBODY);
    expect(user.etag).not.toBe("mine");
    expect(user.createTime && timestampDate(user.createTime)).toEqual(new Date(1_000));
    expect(user.updateTime).toEqual(user.createTime);
    expect(await refusalOf(client.getUser({ id: NOBODY }))).toMatchObject(notFound(NOBODY));
  });

  it.each([
    ["no user", {}, ["user"]],
    ["an empty user", { user: {} }, ["user.email", "user.display_name"]],
    ["no email", { user: { displayName: "Ada" } }, ["user.email"]],
    ["no display name", { user: { email: "ada@example.org" } }, ["user.display_name"]],
    ["an email that is none", { user: { ...ADA, email: "ada" } }, ["user.email"]],
    ["an email of 255 characters", { user: { ...ADA, email: `${"a".repeat(243)}@example.org` } }, ["user.email"]],
    ["a display name of spaces", { user: { ...ADA, displayName: " \t\u00a0" } }, ["user.display_name"]],
    [
      "a display name of signs without width",
      { user: { ...ADA, displayName: "\u200b\u2060\ufeff" } },
      ["user.display_name"],
    ],
    ["a display name of 101 characters", { user: { ...ADA, displayName: "a".repeat(101) } }, ["user.display_name"]],
    ["a display name with U+0000", { user: { ...ADA, displayName: "a\0b" } }, ["user.display_name"]],
    ["a display name with U+0085", { user: { ...ADA, displayName: "a\u0085b" } }, ["user.display_name"]],
    ["two wrong values", { user: { email: "ada", displayName: " " } }, ["user.email", "user.display_name"]],
  ])("refuses %s, naming each field", async (_, request, fields) => {
    const refusal = await refusalOf(createUserClient().createUser(request));
    expect(refusal).toMatchObject({ ...INVALID, fields: expect.toSatisfy(sameMembers(fields)) });
    for (const field of fields) expect(refusal.message).toContain(field);
    for (const description of refusal.descriptions) expect(description).not.toBe("");
  });

  it.each([
    ["an email of 254 characters", { ...ADA, email: `${"a".repeat(242)}@example.org` }],
    ["a display name of 100 characters outside the BMP", { ...ADA, displayName: "🙂".repeat(100) }],
    ["a display name in Arabic", { ...ADA, displayName: "\u0622\u062f\u0627" }],
    ["a display name of signs that are joined", { ...ADA, displayName: "\u{1f469}\u200d\u{1f4bb}" }],
    ["a display name of one letter between spaces", { ...ADA, displayName: "  x " }],
  ])("takes %s as it is", async (_, user) => {
    expect(await userOf(createUserClient().createUser({ user }))).toMatchObject(user);
  });

  it("says ALREADY_EXISTS of an email that another user has, case aside", async () => {
    const client = createUserClient();
    await client.createUser({ user: ADA });
    const again = client.createUser({ user: { email: "ADA@example.org", displayName: "Eve" } });
    expect(await refusalOf(again)).toMatchObject(emailTaken("ADA@example.org"));
  });
});

describe("GetUser", () => {
  it("takes an id in upper case", async () => {
    const client = createUserClient();
    const user = await userOf(client.createUser({ user: ADA }));
    expect(await userOf(client.getUser({ id: user.id.toUpperCase() }))).toEqual(user);
  });

  it("says NOT_FOUND of an id that nobody has, naming it", async () => {
    expect(await refusalOf(createUserClient().getUser({ id: NOBODY }))).toMatchObject(notFound(NOBODY));
  });

  it.each(["", ...NO_IDS])("refuses the id %j", async (id) => {
    expect(await refusalOf(createUserClient().getUser({ id }))).toMatchObject({ ...INVALID, fields: ["id"] });
  });
});

describe("ListUsers", () => {
  it("is one empty page where there is nobody", async () => {
    expect(await createUserClient().listUsers({})).toMatchObject({ users: [], nextPageToken: "" });
  });

  it.each([
    { count: 51, pageSize: 0, expected: 50 },
    { count: 50, pageSize: 0, expected: 50 },
    { count: 1001, pageSize: 1000, expected: 1000 },
    { count: 1001, pageSize: 1001, expected: 1000 },
    { count: 1001, pageSize: 2 ** 31 - 1, expected: 1000 },
    { count: 3, pageSize: 2, expected: 2 },
  ])("gives the first $expected of $count users when asked for $pageSize, and then the rest", async (row) => {
    const { count, pageSize, expected } = row;
    const { client, ids } = createClientOfMany(count);
    const first = await client.listUsers({ pageSize });
    expect(first.users.map(({ id }) => id)).toEqual(ids.slice(0, expected));
    expect(first.nextPageToken !== "").toBe(count > expected);
    if (first.nextPageToken === "") return;
    const { users, nextPageToken } = await client.listUsers({ pageSize, pageToken: first.nextPageToken });
    expect(users.map(({ id }) => id)).toEqual(ids.slice(expected));
    expect(nextPageToken).toBe("");
  });

  it("lists users as GetUser returns them", async () => {
    const client = createUserClient();
    const user = await userOf(client.createUser({ user: ADA }));
    expect((await client.listUsers({})).users).toEqual([user]);
  });

  it.each([-1, -(2 ** 31)])("refuses the page size %i", async (pageSize) => {
    const refusal = await refusalOf(createClientOfMany(1).client.listUsers({ pageSize }));
    expect(refusal).toMatchObject({ ...INVALID, fields: ["page_size"] });
  });

  it.each<[string, (token: string) => string]>([
    ["with a character changed", (token) => (token.startsWith("A") ? "B" : "A") + token.slice(1)],
    ["with its end changed", (token) => token.slice(0, -2) + (token.endsWith("AA") ? "BB" : "AA")],
    ["that was cut", (token) => token.slice(0, -1)],
    ["with something added", (token) => `${token}A`],
    ["that is something else", () => "next"],
    ["of 1025 characters", () => "A".repeat(1025)],
  ])("refuses a page token %s", async (_, change) => {
    const { client } = createClientOfMany(3);
    const { nextPageToken } = await client.listUsers({ pageSize: 1 });
    const refusal = await refusalOf(client.listUsers({ pageSize: 1, pageToken: change(nextPageToken) }));
    expect(refusal).toMatchObject({ ...INVALID, fields: ["page_token"] });
  });

  it("names page size and page token when both are wrong", async () => {
    const call = createClientOfMany(3).client.listUsers({ pageSize: -1, pageToken: "A".repeat(1025) });
    expect(await refusalOf(call)).toMatchObject({ ...INVALID, fields: ["page_size", "page_token"] });
  });
});

describe("DeleteUser", () => {
  it.each([true, false])("removes the user (with its etag: %s)", async (withEtag) => {
    const client = createUserClient();
    const { id, etag } = await userOf(client.createUser({ user: ADA }));
    await client.deleteUser({ id, ...(withEtag && { etag }) });
    expect(await refusalOf(client.getUser({ id }))).toMatchObject(notFound(id));
    expect(await refusalOf(client.deleteUser({ id, ...(withEtag && { etag }) }))).toMatchObject(notFound(id));
  });

  it("takes an id in upper case", async () => {
    const client = createUserClient();
    const { id } = await userOf(client.createUser({ user: ADA }));
    await client.deleteUser({ id: id.toUpperCase() });
    expect(await refusalOf(client.getUser({ id }))).toMatchObject(notFound(id));
  });

  it.each(WRONG_ETAGS)("says ABORTED of an etag %s, and keeps the user", async (_, etag) => {
    const client = createUserClient();
    const user = await userOf(client.createUser({ user: ADA }));
    expect(await refusalOf(client.deleteUser({ id: user.id, etag }))).toMatchObject(ETAG_MISMATCH);
    expect(await userOf(client.getUser({ id: user.id }))).toEqual(user);
  });

  it("refuses the etag of before a change", async () => {
    const client = createUserClient();
    const { id, etag } = await userOf(client.createUser({ user: ADA }));
    await client.updateUser({ user: { id, displayName: "Augusta" } });
    expect(await refusalOf(client.deleteUser({ id, etag }))).toMatchObject(ETAG_MISMATCH);
  });

  it.each(["", ...NO_IDS])("refuses the id %j", async (id) => {
    expect(await refusalOf(createUserClient().deleteUser({ id }))).toMatchObject({ ...INVALID, fields: ["id"] });
  });

  it("refuses an etag of more than 64 characters", async () => {
    const call = createUserClient().deleteUser({ id: NOBODY, etag: "A".repeat(65) });
    expect(await refusalOf(call)).toMatchObject({ ...INVALID, fields: ["etag"] });
  });
});

describe("every call", () => {
  it("tells the repository when the client stops waiting, and that it left", async () => {
    const calls: Call[] = [];
    const repository = createInMemoryUserRepository();
    const client = createUserClient({
      ...repository,
      get(id, call) {
        calls.push(call);
        return repository.get(id, call);
      },
    });
    const startedAt = Date.now();
    await refusalOf(client.getUser({ id: NOBODY }, { timeoutMs: 60_000 }));
    await refusalOf(client.getUser({ id: NOBODY }));
    const [limited, unlimited] = calls;
    expect(limited?.deadline?.getTime()).toBeGreaterThan(startedAt + 50_000);
    expect(limited?.deadline?.getTime()).toBeLessThanOrEqual(Date.now() + 60_000);
    expect(unlimited).toEqual({ signal: expect.any(AbortSignal) });
  });

  it.each([
    ["GetUser", (client: UserClient) => client.getUser({ id: NOBODY })],
    ["ListUsers", (client: UserClient) => client.listUsers({})],
  ])("passes on what the repository throws at %s", async (_, run) => {
    const trouble = new Unavailable({ reason: "DATABASE_UNAVAILABLE", message: "try again", retryAfterMs: 1 });
    const fail = () => Promise.reject(trouble);
    const client = createUserClient({ ...createInMemoryUserRepository(), get: fail, list: fail });
    expect(await refusalOf(run(client))).toMatchObject({ code: "Unavailable", reason: "DATABASE_UNAVAILABLE" });
  });
});

function sameMembers(expected: readonly string[]) {
  return (actual: unknown) =>
    Array.isArray(actual) && JSON.stringify([...new Set(actual)].sort()) === JSON.stringify([...expected].sort());
}
