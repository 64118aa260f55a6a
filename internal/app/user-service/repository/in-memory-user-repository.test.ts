import { createInMemoryUserRepository } from "./in-memory-user-repository.ts";
import { describeUserRepository } from "./user-repository.contract.ts";

describeUserRepository("the in-memory user repository", async () => createInMemoryUserRepository());
