/**
 * Owns finding a redis-server on this machine and, as root on Debian or Ubuntu, installing the distribution's.
 * Not: starting it. Plain JavaScript without dependencies: it runs before anything is installed or built.
 * Called by tools/test.mjs, tools/servers.mjs and tools/start.mjs.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawnSync } from "node:child_process";
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { delimiter, join } from "node:path";

/** Programs that will do, in order of preference. */
const programs = ["redis-server", "valkey-server"];

/** Oldest Redis that has what the executor uses. */
const oldest = { major: 6, minor: 2 };

/** Time for apt-get: a slow mirror, not a dead one. */
const installLimitMs = 180_000;

/** While this file says 101, Debian's packages do not start their services. */
const policyFile = "/usr/sbin/policy-rc.d";

/** @returns {string | null} the full path of the first program of {@link programs} on PATH */
export function findRedis(path = process.env.PATH ?? "") {
  for (const program of programs) {
    for (const directory of path.split(delimiter)) {
      const file = join(directory, program);
      try {
        accessSync(file, constants.X_OK);
        return file;
      } catch {
        // not here
      }
    }
  }
  return null;
}

/**
 * @param {string} file
 * @returns {{ text: string, isNewEnough: boolean } | null} what `--version` says; null when it says nothing known.
 * Every Valkey will do.
 */
export function redisVersion(file) {
  const result = spawnSync(file, ["--version"], { encoding: "utf8", timeout: 5_000 });
  const match = /v=(\d+)\.(\d+)\.(\d+)/.exec(result.stdout ?? "");
  if (match === null) return null;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  const isNewEnough =
    /valkey/i.test(result.stdout) ||
    major > oldest.major ||
    (major === oldest.major && minor >= oldest.minor);
  return { text: `${match[1]}.${match[2]}.${match[3]}`, isNewEnough };
}

/** True on Debian, Ubuntu and their kin. */
export const isDebian = () => {
  const release = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
  return /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(release) && existsSync("/usr/bin/apt-get");
};

/** What a person without root types. */
const advice = isDebian()
  ? "sudo apt-get install redis-server"
  : "install redis-server 6.2 or later with your system's package manager";

function apt(args) {
  return spawnSync("apt-get", ["-y", "-q", "--no-install-recommends", ...args], {
    encoding: "utf8",
    timeout: installLimitMs,
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
}

/** Runs `install` while no package may start its service, and puts everything back. */
function withoutServices(install) {
  const saved = `${policyFile}.saved-by-mr-redis`;
  const hadPolicy = existsSync(policyFile);
  if (hadPolicy) renameSync(policyFile, saved);
  try {
    writeFileSync(policyFile, "#!/bin/sh\nexit 101\n");
    chmodSync(policyFile, 0o755);
    return install();
  } finally {
    rmSync(policyFile, { force: true });
    if (hadPolicy) renameSync(saved, policyFile);
  }
}

/** True where packages can be installed without asking: as root on Debian or Ubuntu. */
export const canInstall = () => process.getuid?.() === 0 && isDebian();

/**
 * Installs the distribution's packages; their services stay off.
 * @param {readonly string[]} packages
 * @returns {string | null} what went wrong
 */
export function installPackages(packages) {
  const result = withoutServices(() => {
    const first = apt(["install", ...packages]);
    if (first.status === 0) return first;
    apt(["update"]);
    return apt(["install", ...packages]);
  });
  if (result.status === 0) return null;
  const lastLine = (result.stderr ?? "").trim().split("\n").at(-1);
  return `apt-get could not install ${packages.join(" ")}: ${lastLine}`;
}

/**
 * Finds a redis-server, or installs the distribution's package where that is possible without asking.
 * @param {(line: string) => void} say gets one line when something is installed
 * @returns {{ ok: true, file: string, version: string } | { ok: false, text: string }}
 */
export function ensureRedis(say) {
  let file = findRedis();
  if (file === null && canInstall()) {
    say("no redis-server found: installing Debian's package redis-server (its service stays off)");
    const text = installPackages(["redis-server"]);
    if (text !== null) return { ok: false, text };
    file = findRedis();
  }
  if (file === null) return { ok: false, text: `no redis-server on PATH: ${advice}` };
  const version = redisVersion(file);
  if (version === null) return { ok: false, text: `${file} --version says no version` };
  if (!version.isNewEnough) {
    return { ok: false, text: `${file} is ${version.text}, at least 6.2 is needed: ${advice}` };
  }
  return { ok: true, file, version: version.text };
}
