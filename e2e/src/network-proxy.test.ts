/**
 * Tests of the kernel plane of the proxy on a site of namespaces: clients on another host and on the proxy's own, a proxy
 * that follows a real scheduler, two agents at addresses of their own with real Redis.
 * A promotion leads new connections to the new master and cuts the old ones at both ends, also those that only wait.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawnSync } from "node:child_process";
import { createConnection, type Socket } from "node:net";
import { join } from "node:path";
import {
  eventually,
  type NetworkNode,
  type NetworkSite,
  networkProblem,
  type Program,
  repositoryRoot,
  startNetworkSite,
} from "@mr-redis/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { masterOf, replicasOf, type ShownInstance } from "./look.js";
import { partitionConfig as config } from "./partition.js";
import { withRedis } from "./redis-client.js";

/** Checked by the kernel, and not made. */
const rules = "table ip mrr_check {\n chain output {\n type nat hook output priority -100\n }\n}\n";
const tools: readonly (readonly [string, readonly string[]])[] = [
  ["nft", ["-c", "-f", "-"]],
  ["conntrack", ["-C"]],
];
const missing = tools.find(([tool, args]) => spawnSync(tool, args, { input: rules }).status !== 0);
const problem = networkProblem() ?? (missing === undefined ? null : `${missing[0]} does not work`);
if (problem !== null) process.stderr.write(`NETWORK TESTS ARE LEFT OUT: ${problem}\n`);

/** A busy machine needs far less; only defects reach it. */
const deadlineMs = 50_000;

/** A client that asks for news and then only waits. */
interface Waiter {
  readonly socket: Socket;
  ending: string | null;
}

/** Says one command, then nothing; what it is told of the end stands in its output. */
const listener = `
const [host, port] = process.argv.slice(1);
const socket = require("node:net").connect(Number(port), host);
socket.on("connect", () => socket.write("SUBSCRIBE news\\r\\n"));
socket.on("data", () => console.log("subscribed"));
socket.on("error", (error) => console.log(error.code));
socket.on("close", () => { console.log("closed"); setInterval(() => {}, 1_000); });
`;

describe.skipIf(problem !== null)("the kernel plane on a site", { timeout: 180_000 }, () => {
  let site: NetworkSite;
  let proxy: NetworkNode;
  let program: Program;
  beforeAll(async () => {
    site = await startNetworkSite({ agents: ["rack:r1", "rack:r2"], config, others: ["proxy"] });
    proxy = site.network.node("proxy");
    await proxy.run({ command: "sysctl", args: ["-qw", "net.ipv4.ip_forward=1"] });
    const main = join(repositoryRoot(), "packages/proxy/dist/main.js");
    const args = [main, "-scheduler", site.endpoint, "-plane", "kernel", "-state", ""];
    args.push("-http-bind", proxy.ip);
    program = await proxy.launch({ command: process.execPath, args });
    const isHealthy = async () => {
      const answer = await fetch(`http://${proxy.ip}:7979/healthz`);
      expect(answer.status).toBe(200);
    };
    await program.waitFor(isHealthy, { deadlineMs, what: "the proxy serves" });
  });
  afterAll(async () => {
    await site?.destroy();
  });

  const show = async (name: string): Promise<ShownInstance> =>
    (await site.api("GET", `/v2/instances/${name}`)).json as ShownInstance;

  const waitRunning = (name: string, epoch: number): Promise<ShownInstance> =>
    eventually(
      async () => {
        const shown = await show(name);
        expect([shown.status, shown.epoch]).toEqual(["RUNNING", epoch]);
        return shown;
      },
      { deadlineMs, what: `${name} runs in reign ${epoch}` },
    );

  async function portsOf(name: string): Promise<{ write: number; read: number }> {
    const { instances } = (await site.api("GET", "/v2/endpoints")).json as {
      instances: { name: string; proxy: { write: number; read: number } }[];
    };
    const found = instances.find((each) => each.name === name);
    if (found === undefined) throw new Error(`${name} has no ports`);
    return found.proxy;
  }

  const through = (port: number) => ({ ip: proxy.ip, port });

  /** Clients that a server sees from the proxy's host. */
  const seenBy = (server: { ip: string; port: number }): Promise<string[]> =>
    withRedis(server, async (redis) => {
      const list = String(await redis.call("CLIENT", "LIST", "TYPE", "pubsub"));
      return list.split("\n").filter((line) => line.includes(`addr=${proxy.ip}:`));
    });

  function waiter(port: number): Waiter {
    const made: Waiter = { socket: createConnection(port, proxy.ip), ending: null };
    made.socket.on("connect", () => made.socket.write("SUBSCRIBE news\r\n"));
    made.socket.resume();
    made.socket.on("error", (error: NodeJS.ErrnoException) => {
      made.ending = error.code ?? error.message;
    });
    made.socket.on("close", () => {
      made.ending ??= "closed";
    });
    return made;
  }

  test("new connections follow the master; those of a deposed one are cut at both ends", async () => {
    const wish = { name: "led", memory: 50, slaves: 1 };
    expect((await site.api("POST", "/v2/instances", wish)).status).toBe(201);
    const before = await waitRunning("led", 1);
    const { write, read } = await portsOf("led");
    const master = masterOf(before);
    const [replica = master] = replicasOf(before);
    await eventually(() => withRedis(through(write), (redis) => redis.set("k", "v")), {
      deadlineMs,
      what: "a write through the proxy",
    });
    expect(await withRedis(master, (redis) => redis.get("k"))).toBe("v");
    const idOf = (place: { ip: string; port: number }) =>
      withRedis(place, async (redis) => /run_id:(\w+)/.exec(await redis.info("server"))?.[1]);
    await eventually(async () => expect(await idOf(through(read))).toBe(await idOf(replica)), {
      deadlineMs,
      what: "the read address leads to the replica",
    });

    const far = waiter(write);
    const near = await proxy.launch({
      command: process.execPath,
      args: ["-e", listener, proxy.ip, String(write)],
    });
    await eventually(async () => expect(await seenBy(master)).toHaveLength(2), {
      deadlineMs,
      what: "both clients wait for news",
    });
    const rules = await proxy.run({
      command: "nft",
      args: ["list", "map", "ip", "mrr_proxy", "one_net"],
    });
    expect(rules.stdout).toContain(`${write} : ${master.ip} . ${master.port}`);

    expect((await site.api("POST", "/v2/instances/led/failover", {})).status).toBeLessThan(300);
    await waitRunning("led", 2);
    // By a reset of the proxy's host, or by the deposed master, which is told to end its clients: who comes first.
    await eventually(() => expect(far.ending).not.toBeNull(), { deadlineMs, what: "far is cut" });
    await eventually(() => expect(near.stdout).toContain("closed"), {
      deadlineMs,
      what: "near is cut",
    });
    await eventually(async () => expect(await seenBy(master)).toEqual([]), {
      deadlineMs,
      what: "the deposed master has lost them",
    });
    await eventually(() => withRedis(through(write), (redis) => redis.set("k", "w")), {
      deadlineMs,
    });
    expect(await withRedis(replica, (redis) => redis.get("k"))).toBe("w");
  });

  test("kill -9 of the master: its client is told, and the next write goes to the new one", async () => {
    const before = await waitRunning("led", 2);
    const { write } = await portsOf("led");
    const master = masterOf(before);
    const victim = site.redisServers(master.hostname).find(({ port }) => port === master.port);
    const waiting = waiter(write);
    await eventually(async () => expect(await seenBy(master)).toHaveLength(1), { deadlineMs });
    if (victim === undefined) throw new Error("the master is not there");
    process.kill(victim.pid, "SIGKILL");
    await eventually(() => expect(waiting.ending).not.toBeNull(), {
      deadlineMs,
      what: "it is cut",
    });
    await eventually(() => withRedis(through(write), (redis) => redis.set("k", "x")), {
      deadlineMs,
      what: "a write after the failover",
    });
    const after = await waitRunning("led", 3);
    expect(masterOf(after).id).not.toBe(master.id);
    expect(await withRedis(masterOf(after), (redis) => redis.get("k"))).toBe("x");

    const metrics = await (await fetch(`http://${proxy.ip}:7979/metrics`)).text();
    const accepted = /connections_total\{[^}]*led\/write[^}]*\} (\d+)/.exec(metrics)?.[1];
    expect([metrics, Number(accepted)]).toEqual([metrics, expect.any(Number)]);
    expect(Number(accepted)).toBeGreaterThan(4);
  });

  test("an agent that nobody reaches: a client that only waits is told all the same; the end leaves nothing", async () => {
    const before = await waitRunning("led", 3);
    const { write } = await portsOf("led");
    const master = masterOf(before);
    const far = waiter(write);
    await eventually(async () => expect(await seenBy(master)).toHaveLength(1), { deadlineMs });
    site.network.isolate(master.hostname);
    // Not a packet of the master comes any more: only the proxy can say it.
    await eventually(() => expect(far.ending).toBe("ECONNRESET"), {
      deadlineMs,
      what: "far is cut",
    });
    await eventually(() => withRedis(through(write), (redis) => redis.set("k", "y")), {
      deadlineMs,
      what: "a write to the master of the next reign",
    });
    program.signal("SIGTERM");
    expect((await program.exited).code).toBe(0);
    const left = await proxy.run({ command: "nft", args: ["list", "ruleset"] });
    expect(left.stdout).toBe("");
  });
});
