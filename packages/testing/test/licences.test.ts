/**
 * Owns the check that what mr-redis is made of may be given on: the licences of all packages that package-lock.json names.
 * SPDX-License-Identifier: Apache-2.0
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repositoryRoot } from "../src/mrr-up.js";

/** Of what is shipped with mr-redis: a notice is all that they ask for. */
const shipped: readonly string[] = [
  ...["MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "0BSD", "BlueOak-1.0.0"],
  "MIT OR Apache-2.0",
  // Given to the public; of a part of dockerode that no bundle has.
  "Unlicense",
];

/** Of tools that are only used: files of theirs that were changed would have to be given on, and none are. */
const used: readonly string[] = [...shipped, "MPL-2.0"];

interface LockedPackage {
  readonly license?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly link?: boolean;
}

type Packages = Readonly<Record<string, LockedPackage>>;

/** Packages of before 2014 have a list `licenses`, which lock files leave out. */
function oldFormOf(path: string): string | undefined {
  const file = join(repositoryRoot(), path, "package.json");
  if (!existsSync(file)) return undefined;
  const { licenses } = JSON.parse(readFileSync(file, "utf8")) as {
    readonly licenses?: readonly { readonly type?: string }[];
  };
  return licenses?.map(({ type }) => type ?? "unknown").join(" OR ");
}

/** Programs of other platforms, whose entries have no licence: they have that of their scope's other packages. */
function licenceOf(path: string, packages: Packages): string {
  const { license, dev, optional } = packages[path] ?? {};
  if (license !== undefined) return license;
  const old = oldFormOf(path);
  if (old !== undefined) return old;
  const scope = /node_modules\/(@[^/]+\/)[^/]+$/.exec(path)?.[1];
  if (scope === undefined || dev !== true || optional !== true) return "unknown";
  const known = Object.entries(packages).filter(([other]) => other.includes(`/${scope}`));
  return known.find(([, each]) => each.license !== undefined)?.[1].license ?? "unknown";
}

/** Packages whose licence is not allowed, with it. */
const refused = (packages: Packages): string[] =>
  Object.entries(packages)
    .filter(([path, { link }]) => path.includes("node_modules/") && link !== true)
    .map(([path, { dev }]) => ({ path, licence: licenceOf(path, packages), dev }))
    .filter(({ licence, dev }) => !(dev === true ? used : shipped).includes(licence))
    .map(({ path, licence }) => `${path}: ${licence}`);

test("a licence that is not allowed, or none, is named; tools may have more", () => {
  expect(
    refused({
      "": {},
      "packages/a": { license: "Apache-2.0" },
      "node_modules/a": { link: true },
      "node_modules/b": { license: "GPL-3.0" },
      "node_modules/c": {},
      "node_modules/d": { license: "MPL-2.0" },
      "node_modules/e": { license: "MPL-2.0", dev: true },
      "node_modules/@f/linux": { license: "MIT", dev: true, optional: true },
      "node_modules/@f/other": { dev: true, optional: true },
      "node_modules/@g/other": { dev: true, optional: true },
    }),
  ).toEqual([
    "node_modules/b: GPL-3.0",
    "node_modules/c: unknown",
    "node_modules/d: MPL-2.0",
    "node_modules/@g/other: unknown",
  ]);
});

test("every dependency has a licence that is allowed", () => {
  const text = readFileSync(join(repositoryRoot(), "package-lock.json"), "utf8");
  const { packages } = JSON.parse(text) as { packages: Packages };
  expect(Object.keys(packages).length).toBeGreaterThan(100);
  expect(refused(packages)).toEqual([]);
});
