/**
 * Tests of redis-servers in containers, on a real engine of their own: the main job, kills, what an ended executor leaves.
 * SPDX-License-Identifier: Apache-2.0
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  eventually,
  findProcesses,
  type RunningUp,
  startUp,
  tryDockerEngine,
} from "@mr-redis/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createRunning, masterOf, remove, type ShownProcess, show, waitStatus } from "./look.js";
import { environmentOf, executorsOf } from "./programs.js";
import { withRedis } from "./redis-client.js";
import { killNow } from "./watch.js";

const image = "mrr-redis:1";
const engine = await tryDockerEngine("containers as the runtime");
const deadline = { deadlineMs: 60_000 };

/** What `docker inspect` tells of a container. */
interface Inspected {
  readonly Id: string;
  readonly State: { readonly Status: string; readonly Pid: number };
  readonly Config: { readonly Labels: Record<string, string>; readonly User: string };
  readonly HostConfig: Readonly<Record<string, unknown>>;
  readonly Mounts: readonly { readonly Source: string; readonly Destination: string }[];
}

describe.skipIf(engine === null)("containers", { timeout: 180_000 }, () => {
  const directory = mkdtempSync(join(tmpdir(), "mrr-containers-"));
  let up: RunningUp;

  beforeAll(async () => {
    const files = ["/bin/sh", "sleep", "redis-server"];
    await engine?.importImage(image, { files });
    const config = join(directory, "config.json");
    const keyFile = join(directory, "secret.key");
    writeFileSync(keyFile, `${randomBytes(32).toString("base64")}\n`, { mode: 0o600 });
    const keys = {
      SecretKeyFile: keyFile,
      Runtime: "container",
      RedisImage: image,
      DockerSocket: engine?.socket,
    };
    writeFileSync(config, JSON.stringify(keys));
    up = await startUp({ agents: 2, args: ["--config", config] });
  }, 120_000);

  afterAll(async () => {
    const left = await up?.stop();
    await engine?.stop();
    rmSync(directory, { recursive: true, force: true });
    expect(left).toEqual([]);
  }, 60_000);

  const inspected = async (): Promise<Inspected[]> => {
    const ids = (await engine?.containers()) ?? [];
    // One may be removed just now.
    const all = await Promise.all(
      ids.map((id) => engine?.docker(["inspect", id]).catch(() => undefined)),
    );
    return all.flatMap((each) => (each === undefined ? [] : JSON.parse(each.stdout)));
  };

  const containerOf = async (process: ShownProcess): Promise<Inspected> => {
    const all = await inspected();
    const found = all.find(({ Config }) => Config.Labels["mr-redis.process"] === process.id);
    if (found === undefined) throw new Error(`${process.id} has no container`);
    return found;
  };

  /** The redis-server of a container, as the host sees it. */
  const redisPidOf = async (process: ShownProcess): Promise<number> => {
    const { State } = await containerOf(process);
    const child = readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .find((pid) => isRedisBelow(pid, State.Pid));
    if (child === undefined) throw new Error(`${process.id} has no redis-server`);
    return child;
  };

  test("the main job: data is replicated, limits hold, and no secret is to be seen", async () => {
    const shown = await createRunning(up, { name: "boxed", slaves: 1 });
    await withRedis(masterOf(shown), async (redis) => {
      await redis.set("foo", "bar");
      expect(await redis.wait(1, 20_000)).toBe(1);
    });
    const container = await containerOf(masterOf(shown));
    expect(container.Config.User).toBe("56379:56379");
    expect(container.Config.Labels).toMatchObject({ "mr-redis.instance": "boxed" });
    expect(container.HostConfig).toMatchObject({
      NetworkMode: "host",
      ReadonlyRootfs: true,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges"],
      // As Mesos counts it: `maxmemory` of 100 MiB and 16 MiB beside it.
      Memory: 116 * 1024 * 1024,
      MemorySwap: 116 * 1024 * 1024,
    });
    const folder =
      container.Mounts.find(({ Destination }) => Destination === "/data")?.Source ?? "";
    const configuration = readFileSync(join(folder, "redis.conf"), "utf8");
    const secrets = [...configuration.matchAll(/">([^"]+)"/g)].map((match) => match[1] ?? "");
    expect(secrets.length).toBeGreaterThan(1);
    expect(statSync(join(folder, "redis.conf")).mode & 0o777).toBe(0o600);
    const text = JSON.stringify(container);
    expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
  });

  test("users and TLS: processes in containers have their certificates, and replicate by them", async () => {
    const wish = { name: "sealed", auth: true, tls: true, memory: 100, slaves: 1 };
    const { status, text } = await up.api("POST", "/v2/instances", wish);
    expect(status, text).toBe(201);
    await waitStatus(up, "sealed", "RUNNING", 60_000);
    const container = await containerOf(masterOf(await show(up, "sealed")));
    const folder =
      container.Mounts.find(({ Destination }) => Destination === "/data")?.Source ?? "";
    expect(statSync(join(folder, "tls.pem"))).toMatchObject({ uid: 56379, mode: 0o100600 });
    await remove(up, "sealed");
  });

  test("a redis-server that is killed in its container is replaced, with its data", async () => {
    const victim = masterOf(await show(up, "boxed"));
    killNow(await redisPidOf(victim));
    await eventually(async () => {
      const after = await show(up, "boxed");
      const ids = after.processes.map(({ id }) => id);
      expect([after.status, ids.includes(victim.id)]).toEqual(["RUNNING", false]);
      await withRedis(masterOf(after), async (redis) => expect(await redis.get("foo")).toBe("bar"));
    }, deadline);
    await eventually(async () => expect(await inspected()).toHaveLength(2), deadline);
  });

  test("an executor that is killed while the engine hangs: its process ends all the same, and the next one removes it", async () => {
    const victim = masterOf(await show(up, "boxed"));
    const left = await containerOf(victim);
    const pid = await redisPidOf(victim);
    const executor = executorsOf(up).find(
      (each) => environmentOf(each, "MESOS_SLAVE_ID") === victim.agentId,
    );
    const daemons = findProcesses(engine?.directory ?? "").filter(({ name }) => name === "dockerd");
    if (executor === undefined || daemons.length === 0)
      throw new Error("no executor, or no engine");
    for (const daemon of daemons) process.kill(daemon.pid, "SIGSTOP");
    try {
      killNow(executor.pid);
      // Nobody can tell the container to end: its guard does.
      await eventually(() => expect(isRedisBelow(pid, null)).toBe(false), deadline);
    } finally {
      for (const daemon of daemons) process.kill(daemon.pid, "SIGCONT");
    }
    await eventually(async () => {
      const after = await show(up, "boxed");
      expect(after.status).toBe("RUNNING");
      expect(after.processes.map(({ id }) => id)).not.toContain(victim.id);
      await withRedis(masterOf(after), async (redis) => expect(await redis.get("foo")).toBe("bar"));
      // With two agents the new replica is on the same one again, and so is an executor.
      expect((await inspected()).map(({ Id }) => Id)).not.toContain(left.Id);
    }, deadline);
  });

  test("nothing is left of a deleted instance", async () => {
    await remove(up, "boxed");
    await eventually(async () => expect(await inspected()).toEqual([]), deadline);
  });
});

/** True for a redis-server whose parent is `parentPid` (null: any). */
function isRedisBelow(pid: number, parentPid: number | null): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const [, name, state, parent] = /^\d+ \((.*)\) (\S) (\d+)/.exec(stat) ?? [];
    if (name !== "redis-server" || state === "Z") return false;
    return parentPid === null || Number(parent) === parentPid;
  } catch {
    return false;
  }
}
