/**
 * Owns the proof that leaders are found in a real ZooKeeper, over its changes, its restart and its freeze.
 * SPDX-License-Identifier: Apache-2.0
 */
import { freePort, startZookeeper, until, type ZookeeperServer } from "@mr-redis/testing";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import {
  createSchedulerSession,
  type SchedulerSessionState,
} from "../src/http/scheduler-session.js";
import { systemClock } from "../src/http/system-clock.js";
import type { LeaderSighting } from "../src/leader/leader-detector.js";
import { parseZookeeperAddress } from "../src/leader/zookeeper-address.js";
import { createZookeeperDetector } from "../src/leader/zookeeper-detector.js";
import { loadZookeeper } from "../src/leader/zookeeper-native.js";
import { Closers, frameworkInfo, startMaster } from "./session-harness.js";
import { ZookeeperMaster } from "./zookeeper-masters.js";

vi.setConfig({ testTimeout: 120_000 });

const deadlineMs = 60_000;
const sessionMs = 3000;

let server: ZookeeperServer;
beforeAll(async () => {
  server = await startZookeeper();
}, 120_000);
afterAll(() => server.stop());

const closers = new Closers();
afterEach(() => closers.closeAll());

/** As a real master writes it. */
const masterInfo = (id: string, port: number, ip = "127.0.0.1"): string =>
  JSON.stringify({
    address: { hostname: "127.0.0.1", ip, port },
    hostname: "127.0.0.1",
    id,
    ip: 16_777_343,
    pid: `master@127.0.0.1:${port}`,
    port,
    version: "1.12.0",
  });

const leads = (id: string, port: number): LeaderSighting => ({
  type: "leader",
  leader: { id, hostname: "127.0.0.1", ip: "127.0.0.1", port },
});

async function connectMaster(secret?: string): Promise<ZookeeperMaster> {
  const master = await ZookeeperMaster.connect(server.endpoint, secret);
  closers.add(async () => master.close());
  return master;
}

/** What a detector tells of this directory. */
function look(path: string, secret = "", servers = server.endpoint) {
  const address = parseZookeeperAddress(`zk://${secret}${servers}${path}`);
  if (!address.ok) throw new Error("the address is wrong");
  const sightings: LeaderSighting[] = [];
  const watch = createZookeeperDetector({
    address: address.value,
    clock: systemClock,
    Native: loadZookeeper(),
    sessionMs,
  }).watch((sighting) => sightings.push(sighting));
  closers.add(() => watch.close());
  const reach = (count: number) =>
    until(() => sightings.length >= count, {
      what: `${count} sightings in ${JSON.stringify(sightings)}`,
      deadlineMs,
    });
  /** Waits until this is what was seen last. */
  const see = (sighting: Partial<LeaderSighting>) =>
    until(() => expect.objectContaining(sighting).asymmetricMatch(sightings.at(-1)), {
      what: `${JSON.stringify(sighting)} at the end of ${JSON.stringify(sightings)}`,
      deadlineMs,
    });
  return { sightings, reach, see, watch };
}

const at = (path: string, because: string) => `zk://${server.endpoint}${path}: ${because}`;

it("sees the first master ever, its successor, and that there is none", async () => {
  const path = "/first";
  const { sightings, reach, watch } = look(path);
  await reach(1);
  const a = await connectMaster();
  await a.makeDirectory(path);
  await reach(2);
  await a.announce(path, "", "log_replicas");
  await a.announce(path, masterInfo("a", 5060));
  await reach(3);
  const b = await connectMaster();
  await b.announce(path, masterInfo("b", 5061));
  a.close();
  await reach(4);
  b.close();
  await reach(5);
  expect(sightings).toEqual([
    { type: "none", because: at(path, "no master was ever there") },
    { type: "none", because: at(path, "no master leads") },
    leads("a", 5060),
    leads("b", 5061),
    { type: "none", because: at(path, "no master leads") },
  ]);
  await watch.close();
  const c = await connectMaster();
  await c.announce(path, masterInfo("c", 5062));
  expect(sightings).toHaveLength(5);
});

it("does not take another for the leader while what the leader says is not understood", async () => {
  const path = "/damaged";
  const a = await connectMaster();
  await a.makeDirectory(path);
  const node = await a.announce(path, "{");
  const b = await connectMaster();
  await b.announce(path, masterInfo("b", 5061));
  const { sightings, see } = look(path);
  await see({ type: "unknown" });
  expect(sightings).toEqual([
    { type: "unknown", because: at(path, `${node.slice(path.length + 1)} is no JSON object`) },
  ]);
  a.close();
  await see(leads("b", 5061));
});

it("reads as the user of the address, and says what is wrong without it", async () => {
  const path = "/protected";
  const a = await connectMaster("mesos:hidden");
  await a.makeDirectory(path);
  await a.announce(path, masterInfo("a", 5060));
  await a.protect(path);
  const stranger = look(path);
  await stranger.see({ type: "unknown" });
  expect(stranger.sightings).toEqual([
    {
      type: "unknown",
      because: at(path, "cannot be read: user and password are missing or wrong"),
    },
  ]);
  const user = look(path, "mesos:hidden@");
  await user.see(leads("a", 5060));
  expect(JSON.stringify(user.sightings)).not.toContain("hidden");
});

it("finds the server that is there among others", async () => {
  const path = "/several";
  const a = await connectMaster();
  await a.makeDirectory(path);
  await a.announce(path, masterInfo("a", 5060));
  const dead = await freePort();
  const { see } = look(path, "", `127.0.0.1:${dead},a..b:2181,${server.endpoint}`);
  await see(leads("a", 5060));
  const { sightings, reach } = look(path, "", "a..b:2181");
  await reach(1);
  expect(sightings).toEqual([
    { type: "unknown", because: `zk://a..b:2181${path}: the names of its servers are not known` },
  ]);
});

it("waits for a ZooKeeper that is not there yet, and survives its restart and its freeze", async () => {
  const path = "/restart";
  const maker = await connectMaster();
  await maker.makeDirectory(path);
  maker.close();
  await server.kill();
  const { sightings, see } = look(path);
  await see({ type: "unknown" });
  expect(sightings).toEqual([{ type: "unknown", because: at(path, "no server answers") }]);
  await server.start();
  await see({ type: "none" });
  const a = await connectMaster();
  await a.announce(path, masterInfo("a", 5060));
  await see(leads("a", 5060));
  const other = look(path);
  await other.see(leads("a", 5060));
  server.freeze();
  // Nobody answers, and nobody has to.
  await other.watch.close();
  await see({ type: "unknown", because: at(path, "no server answers") });
  server.thaw();
  await see({ type: "leader" });
  await server.kill();
  await see({ type: "unknown", because: at(path, "no server answers") });
  await server.start();
  await see({ type: "leader" });
});

it("leads a session to the leader and to the next one", async () => {
  const path = "/session";
  const masters = [await startMaster(closers, "a"), await startMaster(closers, "b")] as const;
  const port = (index: 0 | 1) => Number(masters[index].server.address.split(":")[1]);
  const a = await connectMaster();
  await a.makeDirectory(path);
  await a.announce(path, masterInfo("a", port(0)));
  const b = await connectMaster();
  await b.announce(path, masterInfo("b", port(1)));
  const states: SchedulerSessionState[] = [];
  const session = createSchedulerSession({
    masters: [`zk://${server.endpoint}${path}`],
    frameworkInfo,
    clock: systemClock,
    random: () => 0,
    onEvent: () => {},
    onState: (state) => states.push(state),
  });
  closers.add(() => session.close());
  session.start();
  const subscribedTo = (index: 0 | 1) =>
    until(
      () => {
        const state = states.at(-1);
        const master = `http://${masters[index].server.address}`;
        return state?.type === "subscribed" && state.master === master;
      },
      { what: `subscribed to master ${index} in ${JSON.stringify(states)}`, deadlineMs },
    );
  await subscribedTo(0);
  // The machine of the leader is gone: its stream stays open, and its node goes with its session.
  a.close();
  await subscribedTo(1);
  expect(masters[0].server.calls("SUBSCRIBE")).toHaveLength(1);
  await until(() => masters[0].server.connectionCount === 0, {
    what: "the old stream",
    deadlineMs,
  });
});
