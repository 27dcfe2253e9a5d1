/**
 * Owns the measurement of the proxy's planes, by turns in one run on one machine, beside no proxy at all, HAProxy,
 * twemproxy and a DNAT rule written by hand; and of memory, loading and change with many connections and routes.
 * Not: tests (packages/proxy/test, e2e). Called by hand, as root: `node bench/proxy.mjs`; see bench/proxy.md.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { plot } from "./proxy-plot.mjs";
import { measureScale } from "./proxy-scale.mjs";
import { cpuUs, endAll, openSite, runWithin, wayNames } from "./proxy-sites.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const option = (name, fallback) => {
  const index = process.argv.indexOf(`--${name}`);
  return index < 0 ? fallback : (process.argv[index + 1] ?? fallback);
};
const rounds = Number(option("rounds", 5));
/** Of one command at -P 1; ten times as many at -P 16. */
const requests = Number(option("requests", 60_000));
const wanted = option("which", wayNames.join(",")).split(",");
const tests = option("rows", "");
/** Where table and plot go, without extension; "none" for a trial. */
const page = option("page", join(here, "proxy"));
const isScaled = option("scale", "yes") !== "no";

/** Longest run of redis-benchmark: it waits for ever for an answer that does not come. */
const runMsMax = 60_000;

const workloads = [1, 16]
  .flatMap((pipeline) => [3, 1_024].map((bytes) => ({ clients: 50, pipeline, bytes })))
  .concat([{ clients: 500, pipeline: 1, bytes: 3 }])
  .filter(({ clients, pipeline, bytes }) => `${clients}/${pipeline}/${bytes}`.startsWith(tests));

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
};

const keyOf = ({ clients, pipeline, bytes }, command) =>
  `${command} ${clients}/${pipeline}/${bytes}`;

/** SET, then GET of what was set: requests per second of both, and CPU time of the proxy for one request of either. */
async function measure(site, { clients, pipeline, bytes }) {
  const count = requests * (pipeline > 1 ? 10 : 1);
  const args = ["-p", site.port, "-c", clients, "-P", pipeline, "-d", bytes, "-n", count];
  const before = site.proxy === null ? 0 : cpuUs(site.proxy.pid);
  const out = await runWithin(
    site,
    "redis-benchmark",
    [...args, "-t", "set,get", "--csv"],
    runMsMax,
  );
  const us = site.proxy === null ? 0 : (cpuUs(site.proxy.pid) - before) / (2 * count);
  const perSecond = Object.fromEntries(
    [...(out ?? "").matchAll(/^"(SET|GET)","([\d.]+)"/gm)].map(([, name, rate]) => [
      name,
      Number(rate),
    ]),
  );
  return { perSecond, us };
}

/** All rounds: by way and row, the rates and CPU times. */
async function measureAll(sites) {
  const rates = new Map(sites.map(({ name }) => [name, new Map()]));
  const cpu = new Map(sites.map(({ name }) => [name, new Map()]));
  const add = (map, key, value) => map.set(key, [...(map.get(key) ?? []), value]);
  for (let round = 0; round < rounds; round += 1) {
    for (const workload of workloads) {
      // Who begins changes with each round: what went before may still warm or burden the machine.
      const turn = sites.map((_, index) => sites[(index + round) % sites.length]);
      for (const site of turn) {
        const { perSecond, us } = await measure(site, workload);
        for (const command of ["SET", "GET"]) {
          if (command in perSecond) {
            add(rates.get(site.name), keyOf(workload, command), perSecond[command]);
          } else process.stderr.write(`${site.name}: no ${command} within ${runMsMax} ms\n`);
        }
        if (us > 0) add(cpu.get(site.name), keyOf(workload, ""), us);
      }
    }
    process.stderr.write(`round ${round + 1} of ${rounds}, load ${loadavg()[0].toFixed(1)}\n`);
  }
  return { rates, cpu };
}

const workloadText = ({ clients, pipeline, bytes }) => `-c ${clients} -P ${pipeline}, ${bytes} B`;

function rateTable(rates, names) {
  const lines = [
    `| requests/s (of direct) | ${names.join(" | ")} | userspace / haproxy | kernel / nft |`,
    `|${"---|".repeat(names.length + 3)}`,
  ];
  const plotted = [];
  for (const workload of workloads) {
    for (const command of ["SET", "GET"]) {
      const key = keyOf(workload, command);
      const middle = Object.fromEntries(
        names.map((name) => [name, median(rates.get(name).get(key) ?? [])]),
      );
      const of = (name, base) =>
        middle[name] === undefined || middle[base] === undefined
          ? undefined
          : middle[name] / middle[base];
      const cells = names.map((name) => {
        if (middle[name] === undefined) return "none";
        const ratio = of(name, "direct");
        const part = ratio === undefined || name === "direct" ? "" : ` (${ratio.toFixed(2)})`;
        return `${Math.round(middle[name]).toLocaleString("en")}${part}`;
      });
      const ratios = [of("userspace", "haproxy"), of("kernel", "nft")].map(
        (ratio) => ratio?.toFixed(2) ?? "",
      );
      const text = `${command}, ${workloadText(workload)}`;
      lines.push(`| ${text} | ${cells.join(" | ")} | ${ratios.join(" | ")} |`);
      const parts = names
        .filter((name) => name !== "direct" && of(name, "direct") !== undefined)
        .map((name) => [name, of(name, "direct")]);
      const label = [
        `${command} ${workload.bytes} B`,
        `-c ${workload.clients} -P ${workload.pipeline}`,
      ];
      plotted.push({ label, ratios: Object.fromEntries(parts) });
    }
  }
  return { text: lines.join("\n"), plotted };
}

function cpuTable(cpu, names) {
  const carriers = names.filter((name) => cpu.get(name).size > 0);
  const lines = [
    `| CPU µs of the proxy for one request | ${carriers.join(" | ")} |`,
    `|${"---|".repeat(carriers.length + 1)}`,
  ];
  for (const workload of workloads) {
    const cells = carriers.map((name) => median(cpu.get(name).get(keyOf(workload, "")) ?? []));
    const texts = cells.map((us) => us?.toFixed(2) ?? "none");
    lines.push(`| ${workloadText(workload)} | ${texts.join(" | ")} |`);
  }
  return lines.join("\n");
}

const versionOf = (command, args) => {
  const { stdout, stderr } = spawnSync(command, args, { encoding: "utf8", timeout: 10_000 });
  return /\d+\.\d+(\.\d+)?/.exec(`${stdout}${stderr}`)?.[0] ?? "?";
};

/** The part between the marks is of this run; the rest of the page is written by hand. */
function writePage(text) {
  const file = `${page}.md`;
  const [begin, end] = ["<!-- run -->", "<!-- /run -->"];
  const before = readFileSync(file, "utf8");
  const from = before.indexOf(begin) + begin.length;
  writeFileSync(file, `${before.slice(0, from)}\n${text}\n${before.slice(before.indexOf(end))}`);
}

async function main(work) {
  const load = loadavg()[0].toFixed(1);
  const sites = [];
  for (const name of wayNames.filter((each) => wanted.includes(each))) {
    try {
      sites.push(await openSite(name, work));
    } catch (error) {
      process.stderr.write(`without ${name}: ${error.message}\n`);
    }
  }
  const names = sites.map(({ name }) => name);
  const { rates, cpu } = await measureAll(sites);
  await endAll();
  const table = rateTable(rates, names);
  const scale = isScaled ? await measureScale(work) : "";
  const now = loadavg()[0].toFixed(1);
  const machine = `${availableParallelism()} cores, Node ${process.version}, Redis ${versionOf("redis-server", ["-v"])}, HAProxy ${versionOf("haproxy", ["-v"])}, nutcracker ${versionOf("nutcracker", ["--version"])}`;
  const when = `${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC`;
  const told = `\`node ${["bench/proxy.mjs", ...process.argv.slice(2)].join(" ")}\`, ${when}: ${machine}; ${rounds} rounds, medians; load ${load} before, ${now} after.`;
  const text = [told, table.text, cpuTable(cpu, names), scale].filter((part) => part !== "");
  process.stdout.write(`${text.join("\n\n")}\n`);
  if (page === "none") return;
  writePage(text.join("\n\n"));
  const ways = names.filter((name) => name !== "direct");
  const title = "Redis through a proxy on the same host, beside no proxy";
  writeFileSync(
    `${page}.svg`,
    plot({ rows: table.plotted, ways, title, note: `${when}; ${machine}` }),
  );
}

const work = mkdtempSync(join(tmpdir(), "mrr-bench-proxy-"));
const end = async () => {
  await endAll();
  rmSync(work, { recursive: true, force: true });
};
for (const name of ["SIGINT", "SIGTERM"])
  process.once(name, () => end().then(() => process.exit(1)));
try {
  await main(work);
} finally {
  await end();
}
