/**
 * Owns what every package's vitest project has in common: tests run on the sources, without a build.
 * Not: which rings run when (root scripts). Called by each package's vitest.config.ts.
 * SPDX-License-Identifier: Apache-2.0
 */

/** The exports condition under which the packages of this repository offer their TypeScript sources. */
export const sourceCondition = "mr-redis-source";

/** A vitest project named after its package; `name` is the npm name. */
export function sourceProject(name: string) {
  const conditions = [sourceCondition, "module", "node", "development|production"];
  return {
    resolve: { conditions },
    ssr: { resolve: { conditions } },
    test: { name, include: ["src/**/*.test.ts", "test/**/*.test.ts"], passWithNoTests: true },
  };
}
