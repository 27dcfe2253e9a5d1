/**
 * Owns which npm packages are in a release: those that lie in it as they were installed (native ones, and one with data files),
 * and those that bundles took something of; and the list of them (CycloneDX 1.5).
 * Not: bundling. The versions and hashes are those of package-lock.json. Called by tools/release.mjs.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** What the bundle of the scheduler leaves outside. ZooKeeper's client is compiled on the machine that uses it. */
export const shippedRoots = ["classic-level", "etcd3"];

/** Only for compilers, or of other systems. */
const isLeftOut = (path) =>
  /\.(d\.[cm]?ts|map|md|ts|tsbuildinfo|cc|h|gyp|gypi|flow)$/i.test(path) ||
  /(^|\/)(deps|test|tests|example|examples|\.github)\//.test(path) ||
  /prebuilds\/(?!linux-(x64|arm64)\/)/.test(path) ||
  /^node_modules\/(@types|undici-types)\//.test(path);

/** Where `name` is found from the package at `from`, as Node looks for it; null when it is not installed. */
function locate(packages, from, name) {
  for (let directory = from; ; ) {
    const path = `${directory === "" ? "" : `${directory}/`}node_modules/${name}`;
    if (packages[path] !== undefined) return path;
    if (directory === "") return null;
    directory = directory.includes("/node_modules/")
      ? directory.slice(0, directory.lastIndexOf("/node_modules/"))
      : "";
  }
}

/** Places (`node_modules/...`) of the packages in the release as they are, with all that they need. */
export function shippedPlaces(lock) {
  const found = new Set();
  const add = (place) => {
    if (place === null || found.has(place) || place.startsWith("node_modules/@types/")) return;
    found.add(place);
    const { dependencies = {}, optionalDependencies = {} } = lock.packages[place];
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      add(locate(lock.packages, place, name));
    }
  };
  for (const name of shippedRoots) add(locate(lock.packages, "", name));
  found.delete("node_modules/undici-types");
  return [...found].sort();
}

function filesBelow(root, directory) {
  return readdirSync(join(root, directory), { withFileTypes: true }).flatMap((entry) => {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : filesBelow(root, path);
    return entry.isFile() ? [path] : [];
  });
}

/** The files of those packages. */
export const shippedFiles = (root, places) =>
  places
    .flatMap((place) => filesBelow(root, place))
    .filter((path) => !isLeftOut(path))
    .map((path) => ({ path, content: readFileSync(join(root, path)), isProgram: false }));

/** Places of the packages that an esbuild took something of; `directory` is where it ran, below the root. */
export function bundledPlaces(metafile, directory) {
  const inputs = Object.values(metafile.outputs).flatMap((output) =>
    Object.entries(output.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0),
  );
  const places = inputs.flatMap(([input]) => {
    const path = join(directory, input.replace(/^[a-z-]+:/, ""));
    const end = path.lastIndexOf("node_modules/");
    const match = /^node_modules\/(@[^/]+\/)?[^/]+/.exec(path.slice(end));
    return end < 0 || match === null ? [] : [path.slice(0, end) + match[0]];
  });
  return [...new Set(places)].sort();
}

function hashOf(integrity) {
  const match = /^sha512-(.+)$/.exec(integrity ?? "");
  if (match === null) return [];
  return [{ alg: "SHA-512", content: Buffer.from(match[1], "base64").toString("hex") }];
}

function componentOf(root, lock, place) {
  const name = place.slice(place.lastIndexOf("node_modules/") + "node_modules/".length);
  const { version, integrity, license } = lock.packages[place];
  const manifest = JSON.parse(readFileSync(join(root, place, "package.json"), "utf8"));
  const id = license ?? manifest.license;
  return {
    type: "library",
    "bom-ref": `${name}@${version}`,
    name,
    version,
    purl: `pkg:npm/${name.replace(/^@/, "%40")}@${version}`,
    ...(typeof id === "string" ? { licenses: [{ expression: id }] } : {}),
    hashes: hashOf(integrity),
  };
}

/**
 * What an archive contains besides our own code. `places`: of npm packages; `nodeVersion`: of the runtime in it, or null.
 */
export function sbomOf({ root, lock, name, version, places, nodeVersion, seconds }) {
  const libraries = places
    .map((place) => componentOf(root, lock, place))
    .sort((one, other) => (one["bom-ref"] < other["bom-ref"] ? -1 : 1))
    .filter((each, index, all) => each["bom-ref"] !== all[index - 1]?.["bom-ref"]);
  const node = {
    type: "platform",
    "bom-ref": `node@${nodeVersion}`,
    name: "node",
    version: nodeVersion,
    licenses: [{ expression: "MIT" }],
  };
  const components = nodeVersion === null ? libraries : [...libraries, node];
  const own = { type: "application", "bom-ref": `${name}@${version}`, name, version };
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: {
      timestamp: new Date(seconds * 1_000).toISOString(),
      component: { ...own, licenses: [{ expression: "Apache-2.0" }] },
    },
    components,
    dependencies: [
      { ref: own["bom-ref"], dependsOn: components.map((component) => component["bom-ref"]) },
      ...components.map((component) => ({ ref: component["bom-ref"], dependsOn: [] })),
    ],
  };
}
