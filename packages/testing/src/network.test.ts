/**
 * Owns the tests of networks of namespaces. SPDX-License-Identifier: Apache-2.0
 */
import { spawnSync } from "node:child_process";
import { afterEach, describe, expect, test } from "vitest";
import { eventually } from "./eventually.js";
import { createNetwork, type NetworkNode, networkProblem, type TestNetwork } from "./network.js";

/** Says its name to everybody, by datagrams and over one connection each; tells whom it has heard lately. */
const chatter = `
const [name, ...peers] = process.argv.slice(1);
const heard = { udp: {}, tcp: {} };
const socket = require("node:dgram").createSocket("udp4");
socket.on("message", (text) => { heard.udp[text] = Date.now(); });
socket.on("error", () => {});
socket.bind(9000);
const net = require("node:net");
net.createServer((peer) => {
  peer.on("error", () => {});
  peer.on("data", (text) => { heard.tcp[String(text).split(";")[0]] = Date.now(); });
}).listen(9001);
const connections = new Map();
const connect = (host) => {
  const connection = net.connect({ host, port: 9001 });
  connections.set(host, connection);
  connection.on("error", () => {});
  connection.on("close", () => setTimeout(connect, 20, host));
};
peers.forEach(connect);
setInterval(() => {
  for (const host of peers) socket.send(name, 9000, host, () => {});
  for (const connection of connections.values()) connection.write(name + ";");
}, 20);
require("node:http").createServer((_, response) => {
  const lately = (of) => Object.keys(of).filter((one) => Date.now() - of[one] < 400).sort();
  response.end(JSON.stringify({ udp: lately(heard.udp), tcp: lately(heard.tcp) }));
}).listen(9002, () => console.log(JSON.stringify({ msg: "ready" })));
`;

const problem = networkProblem();
if (problem !== null) process.stderr.write(`NETWORK TESTS ARE LEFT OUT: ${problem}\n`);

const deadlineMs = 30_000;

describe.skipIf(problem !== null)("networks", { timeout: 90_000 }, () => {
  let network: TestNetwork | null = null;
  afterEach(async () => {
    await network?.destroy();
    network = null;
  });

  async function start(names: readonly string[]): Promise<TestNetwork> {
    network = await createNetwork(names);
    const nodes = names.map((name) => network?.node(name)) as NetworkNode[];
    for (const { name, launch } of nodes) {
      const peers = nodes.filter((one) => one.name !== name).map((one) => one.ip);
      const program = await launch({
        command: process.execPath,
        args: ["-e", chatter, name, ...peers],
      });
      await program.waitReady(deadlineMs);
    }
    return network;
  }

  const heardBy = async ({ ip }: NetworkNode): Promise<{ udp: string[]; tcp: string[] }> => {
    const answer = await fetch(`http://${ip}:9002/`, { signal: AbortSignal.timeout(5_000) });
    return (await answer.json()) as { udp: string[]; tcp: string[] };
  };

  /** Waits until everybody hears by datagrams exactly those. */
  const expectHeard = (made: TestNetwork, wanted: Readonly<Record<string, readonly string[]>>) =>
    eventually(
      async () => {
        for (const [name, others] of Object.entries(wanted)) {
          expect([name, (await heardBy(made.node(name))).udp]).toEqual([name, others]);
        }
      },
      { deadlineMs, what: "who hears whom" },
    );

  test("cuts are of one direction, of two nodes, of all; the observer sees all; healing ends them", async () => {
    const made = await start(["a", "b", "c"]);
    const whole = { a: ["b", "c"], b: ["a", "c"], c: ["a", "b"] };
    await expectHeard(made, whole);
    made.cutOneWay("a", "b");
    await expectHeard(made, { ...whole, b: ["c"] });
    made.cut("a", "b");
    await expectHeard(made, { a: ["c"], b: ["c"], c: ["a", "b"] });
    made.healOneWay("a", "b");
    await expectHeard(made, { ...whole, a: ["c"] });
    made.heal();
    await expectHeard(made, whole);
    made.isolate("c");
    await expectHeard(made, { a: ["b"], b: ["a"], c: [] });
    made.heal();
    await expectHeard(made, whole);
  });

  test("a connection that exists is cut without a word, and goes on when healed", async () => {
    const made = await start(["a", "b"]);
    const b = made.node("b");
    const expectTcp = (names: readonly string[]) =>
      eventually(async () => expect((await heardBy(b)).tcp).toEqual(names), { deadlineMs });
    await expectTcp(["a"]);
    made.cut("a", "b");
    await expectTcp([]);
    made.heal();
    await expectTcp(["a"]);
  });

  test("what is started in it ends with it; two networks are apart", async () => {
    const made = await start(["a"]);
    const other = await createNetwork(["a"]);
    try {
      expect(other.node("a").ip).not.toBe(made.node("a").ip);
      const program = await other.node("a").launch({ command: "sleep", args: ["600"] });
      await other.destroy();
      expect((await program.exited).signal).toBe("SIGKILL");
    } finally {
      await other.destroy();
    }
    const left = spawnSync("ip", ["netns", "list"], { encoding: "utf8" }).stdout;
    expect(left).toContain(made.node("a").namespace);
    expect(left).not.toContain(other.node("a").namespace);
  });

  test("what a killed run has left is removed by the next", async () => {
    const ended = spawnSync(process.execPath, ["-e", "console.log(process.pid)"], {
      encoding: "utf8",
    });
    const stale = `mrrt-0-${ended.stdout.trim()}-a`;
    spawnSync("ip", ["netns", "add", stale]);
    network = await createNetwork([]);
    expect(spawnSync("ip", ["netns", "list"], { encoding: "utf8" }).stdout).not.toContain(stale);
  });
});
