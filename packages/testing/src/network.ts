/**
 * Owns networks for tests: a Linux network namespace with an address of its own for each node, joined by a switch, whose
 * links a test can cut in one direction or both, and heal. Needs root and iproute2, nothing else.
 * Not: what runs in it. Called by tests.
 *
 * The switch is a namespace, too, so no rule of the machine's own firewall sees the packets. The test itself is
 * on the network as `observer` and is never cut off.
 *
 * A cut from A to B is an entry in A's neighbour table that sends B's packets to a hardware address that nobody has: they
 * are lost on the way without a word, also those of connections that exist, and B to A is not touched.
 *
 * Namespaces are named after the process that made them: what a killed run has left is removed by the next.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawnSync } from "node:child_process";
import { until } from "./eventually.js";
import { type LaunchOptions, launch, type Program, type RunResult, run } from "./launch.js";
import { isAlive, signalProcess } from "./processes.js";

/** Names of namespaces: prefix, subnet, process, node. */
const prefix = "mrrt";
const namePattern = /^mrrt-(\d+)-(\d+)-/;

/** Subnets of 198.18.0.0/15, which is set aside for tests of networks (RFC 2544): no machine has it in use. */
const subnetsMax = 512;

/** Most nodes of a network: addresses end in 1 to 200. */
export const networkNodesMax = 200;

/** The end of the observer's address. */
const observerNumber = 254;

/** A hardware address that nobody has. */
const nobody = "02:00:00:00:00:01";

/** Limit of one call of `ip`: it needs milliseconds. */
const ipMsMax = 20_000;

/** Limit for the end of killed processes. */
const endMsMax = 10_000;

/** Where programs of a test can run. */
export interface NetworkNode {
  readonly name: string;
  readonly ip: string;
  readonly namespace: string;
  /** As {@link launch}, in this node. */
  launch(options: LaunchOptions): Promise<Program>;
  /** As {@link run}, in this node. */
  run(options: LaunchOptions & { readonly deadlineMs?: number }): Promise<RunResult>;
}

/** A network of a test. */
export interface TestNetwork {
  /** Address of the test itself. */
  readonly observerIp: string;
  node(name: string): NetworkNode;
  /** From now on nothing of `from` reaches `to`; the other direction is not touched. */
  cutOneWay(from: string, to: string): void;
  /** From now on nothing passes between the two. */
  cut(one: string, other: string): void;
  /** From now on nothing passes between the node and all others. */
  isolate(name: string): void;
  /** Takes back one direction. */
  healOneWay(from: string, to: string): void;
  /** Takes back every cut. */
  heal(): void;
  /** Kills everything in all nodes and removes them. Idempotent. */
  destroy(): Promise<void>;
}

function ip(...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync("ip", args, {
    encoding: "utf8",
    timeout: ipMsMax,
  });
  if (status === 0) return stdout;
  throw new Error(`ip ${args.join(" ")}: ${error?.message ?? stderr.trim()}`);
}

const namespaces = (): readonly string[] =>
  ip("netns", "list")
    .split("\n")
    .map((line) => line.split(" ", 1)[0] ?? "")
    .filter((name) => name !== "");

const pidsIn = (namespace: string): readonly number[] =>
  ip("netns", "pids", namespace)
    .split("\n")
    .filter((line) => line !== "")
    .map(Number);

/** Kills what is in the namespaces; a namespace that is gone already has nothing. */
function killAll(names: readonly string[]): void {
  for (const name of names) {
    try {
      for (const pid of pidsIn(name)) signalProcess(pid, "SIGKILL");
    } catch {
      // gone
    }
  }
}

function remove(names: readonly string[]): void {
  for (const name of names) {
    try {
      ip("netns", "del", name);
    } catch {
      // gone
    }
  }
}

/** Removes the networks of processes that are no more. */
function sweep(): void {
  const stale = namespaces().filter((name) => {
    const pid = Number(namePattern.exec(name)?.[2] ?? Number.NaN);
    return Number.isInteger(pid) && !isAlive(pid);
  });
  killAll(stale);
  remove(stale);
}

/** Networks of this process that are there; ended with it. */
const open = new Set<readonly string[]>();

let hasExitHook = false;

function removeAtExit(): void {
  if (hasExitHook) return;
  hasExitHook = true;
  process.on("exit", () => {
    for (const names of open) {
      killAll(names);
      remove(names);
    }
  });
}

let problem: string | null | undefined;

/**
 * Why there can be no network on this machine; null when there can. With `network` in MRR_REQUIRE a test must not be
 * left out for it.
 */
export function networkProblem(): string | null {
  if (problem !== undefined) return problem;
  const name = `${prefix}-0-${process.pid}-probe`;
  try {
    ip("netns", "add", name);
    try {
      ip("-n", name, "link", "add", "name", "br0", "type", "bridge");
      ip("-n", name, "link", "add", "name", "v0", "type", "veth", "peer", "name", "v1");
    } finally {
      ip("netns", "del", name);
    }
    problem = null;
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  }
  const isRequired = (process.env.MRR_REQUIRE ?? "").split(",").includes("network");
  if (problem !== null && isRequired) throw new Error(`no network namespaces: ${problem}`);
  return problem;
}

/** A subnet that nobody has: the device in this namespace that is named after it reserves it. */
function makeSwitch(): { readonly subnet: number; readonly switchName: string } {
  const first = Math.floor(Math.random() * subnetsMax);
  let last: unknown;
  for (let tries = 0; tries < subnetsMax; tries += 1) {
    const subnet = (first + tries) % subnetsMax;
    const switchName = `${prefix}-${subnet}-${process.pid}-switch`;
    ip("netns", "add", switchName);
    try {
      const device = deviceOf(subnet);
      ip(
        "link",
        "add",
        "name",
        device,
        "type",
        "veth",
        "peer",
        "name",
        "port0",
        "netns",
        switchName,
      );
      return { subnet, switchName };
    } catch (error) {
      last = error;
      ip("netns", "del", switchName);
    }
  }
  throw new Error("no subnet is free", { cause: last });
}

const deviceOf = (subnet: number): string => `${prefix}${subnet}`;

const addressOf = (subnet: number, number: number): string =>
  `198.${18 + Math.floor(subnet / 256)}.${subnet % 256}.${number}`;

/** Makes a network with a node for each name. Destroy it, or it goes with this process. */
export async function createNetwork(names: readonly string[]): Promise<TestNetwork> {
  if (names.length > networkNodesMax) throw new Error(`at most ${networkNodesMax} nodes`);
  removeAtExit();
  sweep();
  const { subnet, switchName } = makeSwitch();
  const made = [switchName];
  open.add(made);
  const nodes = new Map<string, NetworkNode>();
  try {
    ip("-n", switchName, "link", "add", "name", "br0", "type", "bridge");
    ip("-n", switchName, "link", "set", "br0", "up");
    join(switchName, "port0");
    const device = deviceOf(subnet);
    ip("addr", "add", `${addressOf(subnet, observerNumber)}/24`, "dev", device);
    ip("link", "set", device, "up");
    for (const [index, name] of names.entries()) {
      const node = nodeOf(name, subnet, index + 1);
      addNode(node, switchName, index + 1, made);
      nodes.set(name, node);
    }
  } catch (error) {
    remove(made);
    open.delete(made);
    throw error;
  }
  return networkOf(subnet, nodes, made);
}

/** Plugs a device of the switch in. */
function join(switchName: string, port: string): void {
  ip("-n", switchName, "link", "set", port, "master", "br0");
  ip("-n", switchName, "link", "set", port, "up");
}

function addNode(
  { namespace, ip: address }: NetworkNode,
  switchName: string,
  number: number,
  made: string[],
): void {
  ip("netns", "add", namespace);
  made.push(namespace);
  const port = `port${number}`;
  ip(
    ...["-n", namespace, "link", "add", "name", "eth0", "type", "veth"],
    ...["peer", "name", port, "netns", switchName],
  );
  join(switchName, port);
  ip("-n", namespace, "addr", "add", `${address}/24`, "dev", "eth0");
  ip("-n", namespace, "link", "set", "lo", "up");
  ip("-n", namespace, "link", "set", "eth0", "up");
}

function nodeOf(name: string, subnet: number, number: number): NetworkNode {
  const namespace = `${prefix}-${subnet}-${process.pid}-${name}`;
  const inside = <Options extends LaunchOptions>(options: Options): Options => ({
    ...options,
    command: "ip",
    args: ["netns", "exec", namespace, options.command, ...(options.args ?? [])],
  });
  return {
    name,
    namespace,
    ip: addressOf(subnet, number),
    launch: (options) => launch(inside(options)),
    run: (options) => run(inside(options)),
  };
}

function networkOf(
  subnet: number,
  nodes: ReadonlyMap<string, NetworkNode>,
  made: readonly string[],
): TestNetwork {
  const node = (name: string): NetworkNode => {
    const found = nodes.get(name);
    if (found === undefined) throw new Error(`the network has no node ${name}`);
    return found;
  };
  /** Pairs of names that are cut. */
  const cuts = new Map<string, readonly [from: string, to: string]>();
  const cutOneWay = (from: string, to: string): void => {
    const entry = [node(to).ip, "lladdr", nobody, "nud", "permanent", "dev", "eth0"];
    ip("-n", node(from).namespace, "neigh", "replace", ...entry);
    cuts.set(`${from}\n${to}`, [from, to]);
  };
  const healOneWay = (from: string, to: string): void => {
    if (!cuts.delete(`${from}\n${to}`)) return;
    ip("-n", node(from).namespace, "neigh", "del", node(to).ip, "dev", "eth0");
  };
  const cut = (one: string, other: string): void => {
    cutOneWay(one, other);
    cutOneWay(other, one);
  };
  const destroy = async (): Promise<void> => {
    if (!open.has(made)) return;
    killAll(made);
    const isEmpty = (): boolean => made.every((name) => pidsIn(name).length === 0);
    await until(isEmpty, { deadlineMs: endMsMax, what: "the end of all processes of the network" });
    remove(made);
    open.delete(made);
  };
  return {
    observerIp: addressOf(subnet, observerNumber),
    node,
    cutOneWay,
    cut,
    isolate(name) {
      for (const other of nodes.keys()) if (other !== name) cut(name, other);
    },
    healOneWay,
    heal() {
      for (const [from, to] of [...cuts.values()]) healOneWay(from, to);
    },
    destroy,
  };
}
