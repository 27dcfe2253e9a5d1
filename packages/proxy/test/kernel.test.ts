/**
 * Owns the proof of the kernel plane on real nftables, in network namespaces: a client, the proxy's host, two servers.
 * Ends of connections say nothing unless they are told to, so a cut is seen only where it was brought to them.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  createNetwork,
  eventually,
  type NetworkNode,
  networkProblem,
  type Program,
  type TestNetwork,
} from "@mr-redis/testing";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { kernelProblem } from "../src/kernel/support.js";
import { runTool } from "../src/kernel/tools.js";
import type { HostPort, Route, RouteState } from "../src/routes.js";
import type { Told } from "./kernel-program.js";

const problem = networkProblem() ?? (await kernelProblem(runTool));
if (problem !== null) process.stderr.write(`KERNEL PLANE TESTS ARE LEFT OUT: ${problem}\n`);

/** A busy machine needs far less; only defects reach it. */
const deadlineMs = 40_000;

const serverPort = 7_000;

/** Answers each line with its name; prints each connection and its end. */
const server = `
const [name, host] = process.argv.slice(1);
const print = (line) => console.log(JSON.stringify(line));
let made = 0;
require("node:net").createServer((socket) => {
  const id = ++made;
  print({ msg: "accepted", id, from: socket.remoteAddress });
  socket.on("data", () => socket.write(name + "\\n"));
  socket.on("error", (error) => print({ msg: "error", id, code: error.code }));
  socket.on("close", () => print({ msg: "closed", id }));
}).listen(${serverPort}, host, () => print({ msg: "ready" }));
`;

/** Says one line, then nothing; prints what comes and how it ends. */
const client = `
const [host, port] = process.argv.slice(1);
const print = (line) => console.log(JSON.stringify(line));
const socket = require("node:net").connect(Number(port), host);
socket.on("connect", () => { print({ msg: "ready" }); socket.write("PING\\n"); });
socket.on("data", (text) => print({ msg: "got", text: String(text).trim() }));
socket.on("error", (error) => print({ msg: "error", code: error.code }));
socket.on("close", () => { print({ msg: "closed" }); setInterval(() => {}, 1_000); });
`;

interface Line {
  readonly msg: string;
  readonly [key: string]: unknown;
}

const linesOf = ({ stdout }: Program): Line[] =>
  stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Line);

/** Waits for a line of the program. */
const said = (program: Program, wanted: Line): Promise<void> =>
  eventually(() => expect(linesOf(program)).toContainEqual(expect.objectContaining(wanted)), {
    deadlineMs,
    what: JSON.stringify(wanted),
  });

describe.skipIf(problem !== null)("the kernel plane", { timeout: 120_000 }, () => {
  const directory = mkdtempSync(join(tmpdir(), "mrr-kernel-"));
  const program = join(directory, "kernel-program.mjs");
  let network: TestNetwork;
  let proxy: NetworkNode;
  let plane: Program;
  let servers: readonly Program[];

  beforeAll(async () => {
    await build({
      entryPoints: [fileURLToPath(new URL("kernel-program.ts", import.meta.url))],
      ...{ outfile: program, bundle: true, platform: "node", target: "node20", format: "esm" },
      ...{ conditions: ["mr-redis-source"], logLevel: "warning" },
    });
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const start = async (kind = "kernel", waitMs = "60000"): Promise<Program> => {
    const args = [program, kind, proxy.ip, waitMs];
    plane = await proxy.launch({ command: process.execPath, args });
    await plane.waitReady(deadlineMs);
    return plane;
  };

  beforeEach(async () => {
    network = await createNetwork(["client", "proxy", "one", "two"]);
    proxy = network.node("proxy");
    await proxy.run({ command: "sysctl", args: ["-qw", "net.ipv4.ip_forward=1"] });
    servers = await Promise.all(
      ["one", "two"].map(async (name) => {
        const node = network.node(name);
        const args = ["-e", server, name, node.ip];
        const started = await node.launch({ command: process.execPath, args });
        await started.waitReady(deadlineMs);
        return started;
      }),
    );
  });
  afterEach(() => network.destroy());

  const at = (name: string): HostPort => ({ host: network.node(name).ip, port: serverPort });
  const route = (targets: readonly string[], more: Partial<Route> = {}): Route => ({
    ...{ name: "a/write", kind: "write", listen: { host: "", port: 20_000 }, kept: [] },
    ...{ targets: targets.map(at), ...more },
  });

  async function tell(told: Partial<Told>): Promise<Map<string, RouteState>> {
    const response = await fetch(`http://${proxy.ip}:9100/`, {
      method: "POST",
      body: JSON.stringify({ changed: [], removed: [], ...told }),
      signal: AbortSignal.timeout(deadlineMs),
    });
    const states = (await response.json()) as RouteState[];
    return new Map(states.map((state) => [state.route.name, state]));
  }

  const open = (from: string, host = proxy.ip, port = 20_000): Promise<Program> =>
    network.node(from).launch({ command: process.execPath, args: ["-e", client, host, `${port}`] });

  const opened = async (from: string, by: string, host = proxy.ip): Promise<Program> => {
    const made = await open(from, host);
    await said(made, { msg: "got", text: by });
    return made;
  };

  const nft = async (...args: string[]): Promise<string> => {
    const { stdout, stderr } = await proxy.run({ command: "nft", args });
    return stdout + stderr;
  };

  test("leads clients from everywhere; a promotion cuts both ends of those that say nothing", async () => {
    await start();
    await tell({ changed: [route(["one"])] });
    const clients = [
      await opened("client", "one"),
      await opened("proxy", "one"),
      await opened("proxy", "one", "127.0.0.1"),
    ];
    const [one, two] = servers as [Program, Program];
    // Whoever the client is: the server answers to the proxy's host.
    for (const id of [1, 2, 3]) await said(one, { msg: "accepted", id, from: proxy.ip });
    const before = (await tell({})).get("a/write")?.counters;
    expect(before).toMatchObject({ accepted: 3, open: 3, cuts: 0 });
    expect(before?.bytesUp).toBeGreaterThan(15);
    expect(before?.bytesDown).toBeGreaterThan(12);

    await tell({ changed: [route(["two"])] });
    for (const made of clients) await said(made, { msg: "error", code: "ECONNRESET" });
    for (const id of [1, 2, 3]) await said(one, { msg: "closed", id });
    await opened("client", "two");
    await opened("proxy", "two");
    await said(two, { msg: "accepted", id: 2 });
    const after = (await tell({})).get("a/write")?.counters;
    expect(after).toMatchObject({ accepted: 5, open: 2, cuts: 3 });
  });

  test("without a target clients wait, then get theirs or an error of Redis", async () => {
    await start();
    await tell({ changed: [route([])] });
    const late = await open("client");
    await said(late, { msg: "ready" });
    expect(linesOf(late)).toEqual([{ msg: "ready" }]);
    await tell({ changed: [route(["one"])] });
    await said(late, { msg: "got", text: "one" });
    await tell({ changed: [route([])] });
    await said(late, { msg: "closed" });
    await tell({ close: true });
    await plane.exited;
    await start("kernel", "100");
    await tell({ changed: [route([])] });
    const refused = await open("client");
    await said(refused, { msg: "closed" });
    expect(linesOf(refused)[1]?.text).toMatch(/^-ERR mr-redis proxy: a\/write: there is no master/);
  });

  test("a client that was just connecting to a server that is gone gets to the new one", async () => {
    await start();
    await tell({ changed: [route(["one"])] });
    network.isolate("one");
    const made = await open("client");
    await eventually(
      async () => {
        const { stdout } = await proxy.run({ command: "conntrack", args: ["-L", "-p", "tcp"] });
        expect(stdout).toMatch(/SYN_SENT src=\S+ dst=\S+ sport=\d+ dport=20000 /);
      },
      { deadlineMs, what: "its first packet was led" },
    );
    const states = await tell({ changed: [route(["two"])] });
    await said(made, { msg: "got", text: "two" });
    expect(states.get("a/write")?.counters.cuts).toBe(0);
  });

  test("clients and servers on loopback are led, cut and told, too", async () => {
    const { ip } = proxy;
    await proxy.run({ command: "sysctl", args: ["-qw", "net.ipv4.conf.all.route_localnet=1"] });
    for (const [name, host] of [
      ["here", "127.0.0.1"],
      ["there", "127.0.0.2"],
    ] as const) {
      const args = ["-e", server, name, host];
      const started = await proxy.launch({ command: process.execPath, args });
      await started.waitReady(deadlineMs);
      servers = [...servers, started];
    }
    await start();
    const ofLoop = (host: string): Route => route([], { targets: [{ host, port: serverPort }] });
    await tell({ changed: [ofLoop("127.0.0.1")] });
    const first = [await opened("proxy", "here", "127.0.0.1"), await opened("proxy", "here", ip)];
    await tell({ changed: [ofLoop("127.0.0.2")] });
    const second = [
      await opened("proxy", "there", "127.0.0.1"),
      await opened("proxy", "there", ip),
    ];
    await tell({ changed: [route(["one"])] });
    second.push(await opened("proxy", "one", "127.0.0.1"));
    const states = await tell({ changed: [route(["two"])] });
    for (const made of [...first, ...second]) {
      await said(made, { msg: "error", code: "ECONNRESET" });
    }
    const [one, , here, there] = servers as [Program, Program, Program, Program];
    for (const each of [here, there]) {
      for (const id of [1, 2]) await said(each, { msg: "closed", id });
    }
    await said(one, { msg: "closed", id: 1 });
    expect(states.get("a/write")?.counters).toMatchObject({ accepted: 5, open: 0, cuts: 5 });
    // Nothing of a new one is carried by the process.
    await opened("proxy", "two", "127.0.0.1");
    const { stdout } = await proxy.run({ command: "ss", args: ["-Htnp", "sport", "=", ":20000"] });
    expect(stdout).toBe("");
  });

  test("read addresses spread over replicas; one that is kept is not cut, one that is gone is", async () => {
    await start();
    const read = (targets: readonly string[], kept: readonly string[] = []): Route =>
      route(targets, { name: "a/read", kind: "read", kept: kept.map(at) });
    await tell({ changed: [read(["one", "two"])] });
    const clients = await Promise.all([1, 2, 3, 4].map(() => open("client")));
    const [one, two] = servers as [Program, Program];
    for (const each of [one, two]) await said(each, { msg: "accepted", id: 2 });
    const names = async (): Promise<unknown[]> =>
      eventually(
        () => {
          const got = clients.map((made) => linesOf(made).find(({ msg }) => msg === "got")?.text);
          expect(got.every((text) => text !== undefined)).toBe(true);
          return got;
        },
        { deadlineMs },
      );
    expect((await names()).sort()).toEqual(["one", "one", "two", "two"]);
    const kept = await tell({ changed: [read(["one"], ["two"])] });
    expect(kept.get("a/read")?.counters).toMatchObject({ open: 4, cuts: 0 });
    const left = await tell({ changed: [read(["one"])] });
    expect(left.get("a/read")?.counters).toMatchObject({ open: 2, cuts: 2 });
    for (const id of [1, 2]) await said(two, { msg: "closed", id });
    const removed = await tell({ removed: ["a/read"] });
    expect(removed.size).toBe(0);
    for (const made of clients) await said(made, { msg: "closed" });
  });

  test("kill -9: connections go on; the next start cuts what is deposed; nothing of others is touched", async () => {
    await proxy.run({
      command: "nft",
      args: ["-f", "-"],
      stdin:
        "table ip foreign {\n chain c {\n type nat hook output priority -100\n tcp dport 5 dnat to 10.0.0.1\n }\n}\n",
    });
    const foreign = await nft("list", "table", "ip", "foreign");
    await start();
    const other = route(["two"], { name: "b/write", listen: { host: "", port: 20_002 } });
    await tell({ changed: [route(["one"]), other] });
    const deposed = await opened("client", "one");
    await plane.kill();
    await opened("client", "one");
    await start();
    expect(linesOf(plane).find(({ msg }) => msg === "ready")?.plane).toBe("kernel");
    await tell({ changed: [route(["two"]), other] });
    await said(deposed, { msg: "error", code: "ECONNRESET" });
    await said(servers[0] as Program, { msg: "closed", id: 2 });
    const last = await opened("client", "two");
    expect((await tell({})).get("a/write")?.counters).toMatchObject({ open: 1, cuts: 2 });

    const second = await proxy.run({
      command: process.execPath,
      args: [program, "kernel", "127.0.0.2"],
      deadlineMs,
    });
    expect([second.exitCode, second.stdout]).toEqual([
      3,
      expect.stringContaining("another mrr-proxy has the kernel plane of this host"),
    ]);

    await tell({ close: true });
    await said(last, { msg: "error", code: "ECONNRESET" });
    expect(await nft("list", "ruleset")).toBe(foreign);
  });

  test("a firewall that flushes everything: the next change puts the table back", async () => {
    await start();
    await tell({ changed: [route(["one"])] });
    await opened("client", "one");
    await nft("flush", "ruleset");
    await tell({ changed: [route(["two"])] });
    await opened("client", "two");
    expect(await nft("list", "tables")).toBe("table ip mrr_proxy\n");
    await said(plane, {
      msg: "the table of the kernel plane is not as it was left; it is made anew",
    });
  });

  test("a host that does not forward: userspace carries clients from elsewhere, and it is said", async () => {
    await proxy.run({ command: "sysctl", args: ["-qw", "net.ipv4.ip_forward=0"] });
    await start("auto");
    await said(plane, {
      msg: "the kernel leads connections",
      because: "this host does not forward (net.ipv4.ip_forward is 0)",
    });
    await tell({ changed: [route(["one"])] });
    const far = await opened("client", "one");
    await opened("proxy", "one");
    await tell({ changed: [route(["two"])] });
    await said(far, { msg: "closed" });
    await opened("client", "two");
  });

  test("a port that another program has is not led away from it", async () => {
    const args = ["-e", server.replaceAll(`${serverPort}`, "20000"), "own", proxy.ip];
    const own = await proxy.launch({ command: process.execPath, args });
    await own.waitReady(deadlineMs);
    await start();
    const states = await tell({ changed: [route(["one"])] });
    expect(states.get("a/write")?.problem).toMatch(/EADDRINUSE/);
    await opened("client", "own");
  });

  test("without the capability: kernel is refused, auto falls back and removes what was left", async () => {
    await start();
    await tell({ changed: [route(["one"])] });
    await plane.kill();
    const drop = ["--bounding-set=-net_admin", "--inh-caps=-net_admin", process.execPath, program];
    const refused = await proxy.run({
      ...{ command: "setpriv", args: [...drop, "kernel", proxy.ip], deadlineMs },
    });
    expect(refused.stdout).toContain("it needs the capability CAP_NET_ADMIN");
    await start("userspace");
    await said(plane, { msg: "a table that an ended proxy left was removed" });
    expect(await nft("list", "ruleset")).toBe("");
    await plane.kill();
    plane = await proxy.launch({ command: "setpriv", args: [...drop, "auto", proxy.ip] });
    await plane.waitReady(deadlineMs);
    await said(plane, {
      msg: "userspace carries connections",
      because: expect.stringContaining("CAP_NET_ADMIN") as unknown as string,
    });
    await tell({ changed: [route(["one"])] });
    await opened("client", "one");
  });
});
