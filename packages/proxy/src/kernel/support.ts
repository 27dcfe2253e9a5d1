/**
 * Owns finding out, at the start and now and then, whether and for whom the kernel plane works on this host.
 * Not: what is done about it (plane.ts, choose.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFile } from "node:fs/promises";
import { type Layout, tableText } from "./rules.js";
import type { ToolRunner } from "./tools.js";

/** Bit of CAP_NET_ADMIN in the masks of /proc/PID/status (capabilities(7)). */
const netAdminBit = 12n;

/** What this host forwards and routes now. */
export interface HostRouting {
  readonly forwards: boolean;
  /** Why clients on other hosts are carried by userspace; null: the kernel leads them. */
  readonly forwardsNot: string | null;
  readonly routesLocalnet: boolean;
}

/** Reads a file of /proc; empty where it is not. */
const readProc = (path: string): Promise<string> => readFile(path, "utf8").catch(() => "");

/** Why the kernel plane cannot work here at all; null: it can. */
export async function kernelProblem(run: ToolRunner): Promise<string | null> {
  if (process.platform !== "linux") return `it needs Linux, and this is ${process.platform}`;
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(await readProc("/proc/self/status"))?.[1] ?? "0";
  if (((BigInt(`0x${mask}`) >> netAdminBit) & 1n) === 0n) {
    return "it needs the capability CAP_NET_ADMIN, which this process does not have";
  }
  const version = await run("nft", ["--version"]);
  if (!version.isOk) return version.problem;
  const conntrack = await run("conntrack", ["-C"]);
  if (!conntrack.isOk) return conntrack.problem;
  // Checked by the kernel as a whole, and not made.
  const layout: Layout = { host: null, forwards: true, routesLocalnet: true, remote: true };
  const checked = await run("nft", ["-c", "-f", "-"], tableText(layout));
  if (checked.isOk) return null;
  return `the kernel or ${version.stdout.trim()} does not take the rules: ${checked.problem}`;
}

/** Which clients can be led now. */
export async function hostRouting(run: ToolRunner): Promise<HostRouting> {
  const [forward, localnet, dropper] = await Promise.all([
    readProc("/proc/sys/net/ipv4/ip_forward"),
    readProc("/proc/sys/net/ipv4/conf/all/route_localnet"),
    forwardDropper(run),
  ]);
  const forwardsNot =
    forward.trim() !== "1"
      ? "this host does not forward (net.ipv4.ip_forward is 0)"
      : dropper !== null
        ? `${dropper} drops by default what is forwarded`
        : null;
  return {
    forwards: forwardsNot === null,
    forwardsNot,
    routesLocalnet: localnet.trim() === "1",
  };
}

async function forwardDropper(run: ToolRunner): Promise<string | null> {
  const { isOk, stdout } = await run("nft", ["list", "chains"]);
  return isOk ? findForwardDropper(stdout) : null;
}

/** Name of a table whose chain at the forward hook drops by default, in the listing of all chains; null: none does. */
export function findForwardDropper(listing: string): string | null {
  let table = "";
  for (const line of listing.split("\n")) {
    table = /^table (\S+ \S+) \{/.exec(line)?.[1] ?? table;
    const isForIpv4 = /^(ip|inet) /.test(table);
    if (isForIpv4 && /\bhook forward\b.*\bpolicy drop\b/.test(line)) return `the table ${table}`;
  }
  return null;
}
