import { decodePageToken, encodePageToken, PageSizeError, PageTokenError } from "@grpc-service-template/aip";
import { v7 as uuidv7 } from "uuid";
import { describe, expect, it } from "vitest";
import type { Call } from "#internal/pkg/call/call.ts";
import type { User } from "../model/user.ts";
import { createInMemoryUserRepository } from "../repository/in-memory-user-repository.ts";
import { call, EMAIL_TAKEN, ETAG_MISMATCH, NOBODY, newUser, USER_NOT_FOUND } from "../repository/user.fixture.ts";
import { createUserService } from "./user-service.ts";

const ADA = { email: "Ada@example.org", displayName: "Ada" };

/** A service of `count` users whose clock goes on by a second each time it is asked. */
function setup({ count = 0 } = {}) {
  const stored = Array.from({ length: count }, () => newUser());
  let seconds = 0;
  const users = createUserService({
    repository: createInMemoryUserRepository(new Map(stored.map((user) => [user.id, user]))),
    newId: uuidv7,
    now: () => {
      seconds += 1;
      return new Date(seconds * 1_000);
    },
  });
  return { users, stored };
}

describe("create", () => {
  it("assigns id, version and times, and keeps the rest as given", async () => {
    const { users } = setup();
    const user = await users.create(ADA, call);
    const time = new Date(1_000);
    expect(user).toEqual({ ...ADA, id: expect.any(String), version: 1, createTime: time, updateTime: time });
    expect(await users.get(user.id, call)).toEqual(user);
  });

  it("refuses an email that another user has", async () => {
    const { users } = setup();
    await users.create(ADA, call);
    const again = users.create({ email: "ADA@example.org", displayName: "Eve" }, call);
    await expect(again).rejects.toMatchObject(EMAIL_TAKEN);
  });
});

describe("get", () => {
  it("says NotFound of an id that nobody has", async () => {
    await expect(setup().users.get(NOBODY, call)).rejects.toMatchObject(USER_NOT_FOUND);
  });
});

describe("list", () => {
  async function allPages({ users }: Pick<ReturnType<typeof setup>, "users">, pageSize: number) {
    const pages: (readonly User[])[] = [];
    let pageToken = "";
    do {
      const page = await users.list({ pageSize, pageToken }, call);
      pages.push(page.users);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    return pages;
  }

  it.each([
    { count: 0, pageSize: 0, sizes: [0] },
    { count: 1, pageSize: 0, sizes: [1] },
    { count: 49, pageSize: 0, sizes: [49] },
    { count: 50, pageSize: 0, sizes: [50] },
    { count: 51, pageSize: 0, sizes: [50, 1] },
    { count: 101, pageSize: 0, sizes: [50, 50, 1] },
    { count: 3, pageSize: 1, sizes: [1, 1, 1] },
    { count: 4, pageSize: 2, sizes: [2, 2] },
    { count: 51, pageSize: 51, sizes: [51] },
    { count: 1000, pageSize: 1000, sizes: [1000] },
    { count: 1001, pageSize: 1000, sizes: [1000, 1] },
    { count: 1001, pageSize: 1001, sizes: [1000, 1] },
    { count: 1001, pageSize: 2 ** 31 - 1, sizes: [1000, 1] },
  ])("gives $count users in pages of $sizes when asked for $pageSize", async ({ count, pageSize, sizes }) => {
    const { users, stored } = setup({ count });
    const pages = await allPages({ users }, pageSize);
    expect(pages.map((page) => page.length)).toEqual(sizes);
    expect(pages.flat()).toEqual(stored);
  });

  it("lets the page size change from page to page", async () => {
    const { users, stored } = setup({ count: 10 });
    const { nextPageToken } = await users.list({ pageSize: 2, pageToken: "" }, call);
    const second = await users.list({ pageSize: 5, pageToken: nextPageToken }, call);
    expect(second.users).toEqual(stored.slice(2, 7));
  });

  it("neither skips nor repeats when users come and go between pages", async () => {
    const { users, stored } = setup({ count: 6 });
    const { nextPageToken } = await users.list({ pageSize: 2, pageToken: "" }, call);
    for (const { id } of stored.slice(1, 3)) await users.delete(id, undefined, call);
    const added = await users.create(ADA, call);
    const rest = await users.list({ pageSize: 10, pageToken: nextPageToken }, call);
    expect(rest).toEqual({ users: [...stored.slice(3), added], nextPageToken: "" });
  });

  it("is empty when those of the page have gone", async () => {
    const { users, stored } = setup({ count: 2 });
    const { nextPageToken } = await users.list({ pageSize: 1, pageToken: "" }, call);
    for (const { id } of stored) await users.delete(id, undefined, call);
    expect(await users.list({ pageSize: 1, pageToken: nextPageToken }, call)).toEqual({ users: [], nextPageToken: "" });
  });

  it.each([-1, 0.5, Number.NaN])("refuses %d as a page size", async (pageSize) => {
    await expect(setup().users.list({ pageSize, pageToken: "" }, call)).rejects.toBeInstanceOf(PageSizeError);
  });

  describe("of a page token", () => {
    const listArguments = { list: "users" };

    async function refusal(pageToken: string): Promise<unknown> {
      const { users } = setup({ count: 3 });
      return users.list({ pageSize: 1, pageToken }, call).then(
        () => "accepted",
        (error) => (error instanceof PageTokenError ? error.reason : error),
      );
    }

    async function realToken(): Promise<string> {
      const { users } = setup({ count: 3 });
      return (await users.list({ pageSize: 1, pageToken: "" }, call)).nextPageToken;
    }

    it("refuses one with any character changed", async () => {
      const token = await realToken();
      for (let i = 0; i < token.length; i += 1) {
        const other = token[i] === "A" ? "B" : "A";
        expect(await refusal(token.slice(0, i) + other + token.slice(i + 1))).toMatch(
          /^(malformed|unsupportedVersion)$/,
        );
      }
    });

    it("refuses one that is cut or has something added", async () => {
      const token = await realToken();
      for (let length = 1; length < token.length; length += 1) {
        expect(await refusal(token.slice(0, length))).toBe("malformed");
      }
      expect(await refusal(`${token}A`)).toBe("malformed");
      expect(await refusal(` ${token}`)).toBe("malformed");
    });

    it("refuses one of another list", async () => {
      const token = encodePageToken({ arguments: { list: "groups" }, position: [uuidv7()] });
      expect(await refusal(token)).toBe("argumentsChanged");
    });

    it.each([
      ["no position", []],
      ["an empty position", [""]],
      ["a position that is no id", ["1; DROP TABLE users"]],
      ["a position with a rest", [uuidv7(), "x"]],
      ["a position with an empty rest", [uuidv7(), ""]],
    ])("refuses a forged one with %s", async (_, position) => {
      expect(await refusal(encodePageToken({ arguments: listArguments, position }))).toBe("malformed");
    });

    it("accepts a whole one, which holds nothing but the last id", async () => {
      const { users, stored } = setup({ count: 2 });
      const { nextPageToken } = await users.list({ pageSize: 1, pageToken: "" }, call);
      expect(decodePageToken(nextPageToken, { arguments: listArguments })).toEqual([stored[0]?.id]);
      expect(await refusal(nextPageToken)).toBe("accepted");
    });
  });
});

describe("update", () => {
  it.each([undefined, 1])("changes the given fields, the version and the update time (version %s)", async (version) => {
    const { users } = setup();
    const user = await users.create(ADA, call);
    const command = { id: user.id, fields: { displayName: "Augusta" }, ...(version && { version }) };
    const expected = { ...user, displayName: "Augusta", version: 2, updateTime: new Date(2_000) };
    expect(await users.update(command, call)).toEqual(expected);
    expect(await users.get(user.id, call)).toEqual(expected);
  });

  it.each([0, 2])("refuses a version that is not the stored one: %i", async (version) => {
    const { users } = setup();
    const user = await users.create(ADA, call);
    const fields = { displayName: "Eve" };
    await expect(users.update({ id: user.id, fields, version }, call)).rejects.toMatchObject(ETAG_MISMATCH);
    expect(await users.get(user.id, call)).toEqual(user);
  });

  it.each([undefined, 1])(
    "of nothing leaves the user as it is, its version and time too (version %s)",
    async (version) => {
      const { users } = setup();
      const user = await users.create(ADA, call);
      const command = { id: user.id, fields: {}, ...(version && { version }) };
      expect(await users.update(command, call)).toEqual(user);
      expect(await users.get(user.id, call)).toEqual(user);
    },
  );

  it.each([0, 2])("of nothing insists on the version all the same: %i", async (version) => {
    const { users } = setup();
    const { id } = await users.create(ADA, call);
    await expect(users.update({ id, fields: {}, version }, call)).rejects.toMatchObject(ETAG_MISMATCH);
  });

  it.each([{}, { displayName: "Eve" }])("says NotFound of an id that nobody has (fields %o)", async (fields) => {
    const { users } = setup({ count: 1 });
    const command = { id: NOBODY, fields, version: 1 };
    await expect(users.update(command, call)).rejects.toMatchObject(USER_NOT_FOUND);
  });

  it("refuses an email that another user has", async () => {
    const { users, stored } = setup({ count: 1 });
    await users.create(ADA, call);
    const command = { id: stored[0]?.id ?? "", fields: { email: "ada@EXAMPLE.org" } };
    await expect(users.update(command, call)).rejects.toMatchObject(EMAIL_TAKEN);
  });
});

describe("delete", () => {
  it.each([undefined, 1])("removes the user (version %s)", async (version) => {
    const { users } = setup();
    const { id } = await users.create(ADA, call);
    await users.delete(id, version, call);
    await expect(users.get(id, call)).rejects.toMatchObject(USER_NOT_FOUND);
    await expect(users.delete(id, version, call)).rejects.toMatchObject(USER_NOT_FOUND);
  });

  it("refuses a version that is not the stored one", async () => {
    const { users } = setup();
    const user = await users.create(ADA, call);
    await expect(users.delete(user.id, 2, call)).rejects.toMatchObject(ETAG_MISMATCH);
    expect(await users.get(user.id, call)).toEqual(user);
  });
});

describe("an aborted call", () => {
  const reason = new Error("the client left");
  const aborted: Call = { signal: AbortSignal.abort(reason) };

  it.each<[string, (users: ReturnType<typeof setup>["users"], id: string) => Promise<unknown>]>([
    ["create", (users) => users.create(ADA, aborted)],
    ["get", (users, id) => users.get(id, aborted)],
    ["list", (users) => users.list({ pageSize: 1, pageToken: "" }, aborted)],
    ["update", (users, id) => users.update({ id, fields: { displayName: "Eve" } }, aborted)],
    ["update of nothing", (users, id) => users.update({ id, fields: {} }, aborted)],
    ["delete", (users, id) => users.delete(id, undefined, aborted)],
  ])("makes %s reject with the signal's reason and change nothing", async (_, run) => {
    const { users, stored } = setup({ count: 1 });
    await expect(run(users, stored[0]?.id ?? "")).rejects.toBe(reason);
    expect(await users.list({ pageSize: 10, pageToken: "" }, call)).toEqual({ users: stored, nextPageToken: "" });
  });
});
