/**
 * Owns completing package-lock.json after `npm install`: npm leaves out optional packages that its registry does not
 * serve (builds for other systems, on a mirror), and `npm ci` then refuses the lock file everywhere.
 * Not: anything that is installed on this system. Called by hand (`npm run lock`) and by a test that wants no change.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const systems = { darwin: "darwin", windows: "win32", win32: "win32", linux: "linux" };
const processors = { 64: "x64", x64: "x64", arm64: "arm64", ia32: "ia32", arm: "arm" };

/** `@biomejs/cli-linux-x64-musl`, `@turbo/windows-64`: the system and processor that such a name tells. */
function platformOf(name) {
  const words = name.split("/").at(-1).replace(/^cli-/, "").split("-");
  const [system, processor] = words;
  const os = systems[system] ?? system;
  const libc = os === "linux" ? { libc: [words.at(-1) === "musl" ? "musl" : "glibc"] } : {};
  return { cpu: [processors[processor] ?? processor], ...libc, os: [os] };
}

/**
 * @param {{ packages: Record<string, any> }} lock a parsed package-lock.json (version 3)
 * @returns {{ lock: object, added: string[] }} the same with an entry for each optional package that it names
 */
export function completeLock(lock) {
  const packages = { ...lock.packages };
  const added = [];
  for (const [path, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const key = `node_modules/${name}`;
      if (packages[key] !== undefined || packages[`${path}/${key}`] !== undefined) continue;
      // A range would need the registry; builds for systems are always named by their exact version.
      if (!/^\d+\.\d+\.\d+/.test(version)) continue;
      const { cpu, libc, os } = platformOf(name);
      packages[key] = {
        version,
        cpu,
        ...(entry.dev === true ? { dev: true } : {}),
        ...(libc === undefined ? {} : { libc }),
        optional: true,
        os,
      };
      added.push(`${name}@${version}`);
    }
  }
  const order = (left, right) => (left < right ? -1 : 1);
  const sorted = Object.keys(packages).sort(order);
  return {
    lock: { ...lock, packages: Object.fromEntries(sorted.map((key) => [key, packages[key]])) },
    added,
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = new URL("../package-lock.json", import.meta.url);
  const { lock, added } = completeLock(JSON.parse(readFileSync(file, "utf8")));
  if (added.length > 0) writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  process.stdout.write(`${added.length} added${added.map((name) => `\n  ${name}`).join("")}\n`);
}
