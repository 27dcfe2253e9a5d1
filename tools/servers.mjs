/**
 * Owns finding what the conformance ring needs beside Redis, and installing it as root on Debian or Ubuntu: the servers of
 * etcd and ZooKeeper, what compiles the client of ZooKeeper, what makes networks of namespaces
 * and their rules, and an engine for containers. Not: starting them, nor Redis (redis.mjs).
 * Plain JavaScript without dependencies: it runs before anything is installed. Called by tools/test.mjs; `npm start`
 * needs none of it.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { canInstall, installPackages, isDebian } from "./redis.mjs";

/** @param {string} program */
const isOnPath = (program) =>
  (process.env.PATH ?? "").split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });

/** What a package is needed for. The package `zookeeper` would bring a desktop's Java along. */
const servers = [
  { package: "etcd-server", isThere: () => isOnPath("etcd") },
  { package: "openjdk-17-jre-headless", isThere: () => isOnPath("java") },
  { package: "libzookeeper-java", isThere: () => existsSync("/usr/share/java/zookeeper.jar") },
  { package: "libslf4j-java", isThere: () => existsSync("/usr/share/java/slf4j-simple.jar") },
];

/** Only root can make namespaces; anybody else goes without those tests. */
const needsNoNetwork = () => process.platform !== "linux" || process.getuid?.() !== 0;

const network = [
  { package: "iproute2", isThere: () => needsNoNetwork() || isOnPath("ip") },
  // The kernel plane of the proxy.
  { package: "nftables", isThere: () => needsNoNetwork() || isOnPath("nft") },
  { package: "conntrack", isThere: () => needsNoNetwork() || isOnPath("conntrack") },
];

const compilers = [
  { package: "python3", isThere: () => isOnPath("python3") },
  { package: "make", isThere: () => isOnPath("make") },
  { package: "g++", isThere: () => isOnPath("g++") },
];

/**
 * True when npm has compiled the client of ZooKeeper; a failed build of an optional dependency leaves nothing behind.
 * @param {string} root of the repository
 */
export const isClientBuilt = (root) =>
  existsSync(join(root, "node_modules/zookeeper/build/Release/zookeeper.node"));

/**
 * Where npm finds Node's headers without downloading them, as a variable for its environment; nothing where npm is told
 * already, or where the distribution's headers are not there or of another Node.
 * @returns {Record<string, string>}
 */
export function headersOfNode() {
  const version = "/usr/include/node/node_version.h";
  if (!existsSync(version) || !existsSync("/usr/include/node/node.h")) return {};
  const major = /NODE_MAJOR_VERSION\s+(\d+)/.exec(readFileSync(version, "utf8"))?.[1];
  if (!process.versions.node.startsWith(`${major}.`)) return {};
  const told = spawnSync("npm", ["config", "get", "nodedir"], {
    encoding: "utf8",
    timeout: 10_000,
  });
  return told.stdout?.trim() === "undefined" ? { npm_config_nodedir: "/usr" } : {};
}

/**
 * Redis in containers and the images are tested on an engine of the tests' own. Only root can start one, and not everywhere: where
 * there is none, those tests say so and are left out.
 * @param {(line: string) => void} say
 */
function ensureEngine(say) {
  if (needsNoNetwork() || isOnPath("dockerd") || !canInstall()) return;
  say("installing Debian's package docker.io (its service stays off)");
  const text = installPackages(["docker.io"]);
  if (text !== null) say(`tests of containers are left out: ${text}`);
}

/**
 * Sees that the servers are there, or installs the distribution's packages where that is possible without asking.
 * @param {string} root of the repository
 * @param {(line: string) => void} say gets one line when something is installed
 * @returns {{ ok: true } | { ok: false, text: string }}
 */
export function ensureServers(root, say) {
  ensureEngine(say);
  const needed = [...servers, ...network, ...(isClientBuilt(root) ? [] : compilers)];
  const missing = () => needed.filter((each) => !each.isThere()).map((each) => each.package);
  const before = missing();
  if (before.length === 0) return { ok: true };
  if (canInstall()) {
    say(`installing Debian's packages ${before.join(" ")} (their services stay off)`);
    const text = installPackages(before);
    if (text !== null) return { ok: false, text };
  }
  const left = missing();
  if (left.length === 0) return { ok: true };
  const how = isDebian()
    ? `sudo apt-get install --no-install-recommends ${left.join(" ")}`
    : `install what Debian calls ${left.join(" ")}`;
  return {
    ok: false,
    text: `the tests need etcd, ZooKeeper and (as root) iproute2, nftables, conntrack: ${how}`,
  };
}
