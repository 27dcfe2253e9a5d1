/**
 * Owns the check that pages written by hand keep up with what is generated. SPDX-License-Identifier: Apache-2.0
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repositoryRoot } from "../src/mrr-up.js";

const page = (path: string): string => readFileSync(join(repositoryRoot(), path), "utf8");

test("the page about Mesos speaks of every key of the configuration", () => {
  const rows = page("docs/reference/configuration.md").matchAll(/^\| `(\w+)` \|/gm);
  const keys = [...rows].map(([, key]) => key ?? "");
  expect(keys.length).toBeGreaterThan(40);
  const said = page("docs/operating/real-mesos.md");
  expect(keys.filter((key) => !said.includes(`\`${key}\``) && !said.includes(`"${key}"`))).toEqual(
    [],
  );
});
