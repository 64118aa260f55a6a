import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Whose files take longest, since they start processes, or compile: at the end they would be waited for alone. */
const SLOW_SUITES = ["libraries", "e2e", "conformance", "integration", "interop"];

/** Starts the files of slow suites first, and the many quick ones when there are workers free. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => rankOf(a) - rankOf(b));
  }
}

function rankOf({ project }: TestSpecification): number {
  const rank = SLOW_SUITES.indexOf(project.name);
  return rank === -1 ? SLOW_SUITES.length : rank;
}
