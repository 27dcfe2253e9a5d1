/**
 * Owns the list of test projects, and the order of their files. Called by `vitest` in the repository's root.
 * SPDX-License-Identifier: Apache-2.0
 */
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Files that take longest, begun first: begun last, each would keep one worker busy while the others have nothing to do.
 * The others keep the order that vitest gives them.
 */
const longest = [
  "packages/store/test/zookeeper.test.ts",
  "packages/store/test/etcd.test.ts",
  "packages/local/test/recovery.test.ts",
  "packages/local/test/remote.test.ts",
  "packages/mesos-conformance/test/liar.test.ts",
  "packages/mesos-conformance/test/local.test.ts",
  "packages/mrr-cli/test/up.test.ts",
  "packages/local/test/replay-extra.test.ts",
  "packages/store/test/etcd-access.test.ts",
  "packages/local/test/replay-scheduler.test.ts",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rank = ({ moduleId }: TestSpecification): number => {
      const place = longest.findIndex((name) => moduleId.endsWith(`/${name}`));
      return place < 0 ? longest.length : place;
    };
    return sorted.sort((left, right) => rank(left) - rank(right));
  }
}

export default defineConfig({
  test: { projects: ["packages/*", "e2e"], sequence: { sequencer: LongestFirst } },
});
