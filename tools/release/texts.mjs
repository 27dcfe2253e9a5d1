/**
 * Owns the small texts in release archives: what starts a program, and README.md.
 * Called by tools/release.mjs.
 * SPDX-License-Identifier: Apache-2.0
 */

const head =
  '#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\nhere=$(dirname "$(readlink -f "$0")")\n';

const mains = {
  local: "lib/local/bundle/mrr-local.js",
  scheduler: "lib/scheduler/bundle/mrr-scheduler.js",
  proxy: "lib/proxy/bundle/mrr-proxy.js",
};

/** Starts `lib/<main>` with the node of NODE, else that of PATH; `others`: programs that it starts in its turn. */
export function launcher(main, others = []) {
  const variables = others.map(
    (name) =>
      `export MRR_${name.toUpperCase()}_MAIN="\${MRR_${name.toUpperCase()}_MAIN:-$home/${mains[name]}}"\n`,
  );
  return `${head}home=$(dirname "$here")\n${variables.join("")}exec "\${NODE:-node}" "$home/lib/${main}" "$@"\n`;
}

/** Starts the script beside it, with the node beside it where there is one; else NODE, else that of PATH. */
export const commandFile = (script) =>
  `${head}[ -x "$here/node" ] && NODE="$here/node"\nexec "\${NODE:-node}" --max-semi-space-size=2 "$here/${script}" "$@"\n`;

export const windowsLauncher = (script) =>
  `@rem SPDX-License-Identifier: Apache-2.0\r\n@node "%~dp0${script}" %*\r\n`;

const untried = (system) =>
  `Node.js 20.19 or later is needed. This archive is made for ${system} and was not run there: what is tested is the same\n` +
  "script on Linux.\n";

const abouts = {
  "mr-redis": () =>
    "Everything for one machine, and each program by itself. Linux (glibc, x64 or arm64), Node.js 20.19 or later and\n" +
    "redis-server 6.2 or later (or Valkey) are needed.\n\n" +
    "    bin/mrr up                          starts everything; in a second terminal:\n" +
    "    bin/mrr create -n inst -m 200 -s 1 -w\n    bin/mrr status -n inst\n\n" +
    "`DBType` `zookeeper` and a `Master` with `zk://` need a client that is compiled on the machine:\n" +
    "`npm install --prefix . zookeeper@7.3.0`.\n",
  "mr-redis-scheduler": () =>
    "The framework for a Mesos cluster, with the executor that it serves. Linux (glibc, x64 or arm64) and Node.js 20.19\n" +
    "or later are needed.\n\n    bin/mrr-scheduler -config=config.json\n\n" +
    "`DBType` `zookeeper` and a `Master` with `zk://` need a client that is compiled on the machine:\n" +
    "`npm install --prefix . zookeeper@7.3.0`.\n",
  "mr-redis-proxy": () =>
    "One address for each Redis that never changes. Linux and Node.js 20.19 or later are needed.\n\n    bin/mrr-proxy -help\n",
  "mr-redis-executor": ({ suffix }) =>
    "What runs on each agent. `ExecutorPath` of the scheduler names this archive as it is; agents fetch and unpack it.\n" +
    (suffix.endsWith("-node")
      ? "Node.js is in it.\n"
      : "Node.js 20.19 or later is needed on the agents, as `node` on their PATH.\n"),
  MrRedisExecutor: () =>
    "What runs on each agent, as one program without need of anything. `ExecutorPath` of the scheduler names the program.\n",
  mrr: ({ suffix }) =>
    `The command line of mr-redis. It speaks to a scheduler: \`mrr init http://scheduler:5656\`, then \`mrr help\`.\n\n${
      suffix.startsWith("linux")
        ? "One program; nothing else is needed.\n"
        : untried(suffix === "windows" ? "Windows" : "macOS")
    }`,
};

/** README.md of an archive. */
export const readme = ({ name, suffix, version }) =>
  `# ${name} ${version}\n\n${abouts[name]({ suffix })}\nLicence: Apache-2.0. What is in it: sbom.cdx.json.\n`;
