/**
 * Test of the images of deploy/docker on a real engine: built from a release on a base made of this machine's files, then the main
 * job, a failover and a kill -9 with the scheduler, the proxy and the executors in containers. Left out, loudly, where no engine
 * starts. Slow (it bundles and builds), so it is no part of `npm run e2e`: `npm run test:images`.
 * SPDX-License-Identifier: Apache-2.0
 */
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  eventually,
  freePort,
  freePortRange,
  repositoryRoot,
  run,
  runMrr,
  type Site,
  seeProcesses,
  signalProcess,
  startSite,
  tryDockerEngine,
} from "@mr-redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { masterOf, type ShownInstance } from "./look.js";
import { withRedis } from "./redis-client.js";

const programs = ["scheduler", "proxy", "executor"] as const;
type ImageName = (typeof programs)[number];

/** The user of the images, whom no file of this machine belongs to. */
const imageUser = "65532";

/** Bundling, packing and building on two busy cores; a third of a minute on idle ones. */
const buildMs = 240_000;

/** Of one wait for containers: the health checks ask each ten seconds. */
const deadlineMs = 60_000;

const engine = await tryDockerEngine("the images of deploy/docker");
const directory = mkdtempSync(join(tmpdir(), "mrr-images-"));
let site: Site | null = null;
const seconds: string[] = [];

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const startMs = performance.now();
  const result = await work();
  seconds.push(`${what} ${((performance.now() - startMs) / 1_000).toFixed(1)} s`);
  return result;
}

const version = (): string => {
  const text = readFileSync(join(repositoryRoot(), "package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
};

const imageOf = (name: ImageName): string => `mr-redis-${name}:${version()}`;

/** `docker` against the engine of this test; throws unless it succeeds. */
async function docker(...args: string[]): Promise<string> {
  if (engine === null) throw new Error("no engine");
  return (await engine.docker(args, { deadlineMs: buildMs })).stdout.trim();
}

/** What the Dockerfiles ask of their base: node, a shell, and what unpacks and checks an archive; and redis-server. */
const baseFiles = [
  ...["/bin/sh", "cat", "chmod", "dirname", "grep", "gzip", "ln", "mkdir", "readlink", "rm"],
  ...["sha256sum", "tar", "redis-server", process.execPath],
];

async function buildImages(): Promise<void> {
  const release = join(directory, "release");
  const script = join(repositoryRoot(), "tools/release.mjs");
  const made = await run({
    command: process.execPath,
    args: [script, "--level", "1", "--out", release, ...programs],
    deadlineMs: buildMs,
  });
  expect(made.exitCode, made.stderr).toBe(0);
  // The context that the Dockerfiles name holds more than they take; what they do not take would only be copied.
  const context = join(directory, "context");
  mkdirSync(context);
  const archives = programs.map((name) => `mr-redis-${name}-${version()}-linux.tar.gz`);
  for (const file of ["SHA256SUMS", ...archives]) {
    copyFileSync(join(release, file), join(context, file));
  }
  const path = `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`;
  await timed("base", async () =>
    engine?.importImage("mr-redis-base:1", { files: baseFiles, changes: [`ENV PATH=${path}`] }),
  );
  for (const name of programs) {
    const file = join(repositoryRoot(), `deploy/docker/${name}.Dockerfile`);
    const args = ["BASE=mr-redis-base:1", `VERSION=${version()}`];
    const flags = args.flatMap((arg) => ["--build-arg", arg]);
    await timed(name, () => docker("build", "-f", file, ...flags, "-t", imageOf(name), context));
  }
}

/**
 * What agents run as the executor: a script that does with the image what Mesos's docker containerizer does: the network
 * of the host, the variables of the agent, the sandbox mounted and given to the user of the image.
 */
async function writeExecutor(): Promise<string> {
  const which = await run({ command: "sh", args: ["-c", "command -v docker"] });
  const file = join(directory, "executor-in-container");
  const lines = [
    "#!/bin/sh",
    'vars="$MESOS_DIRECTORY/variables"',
    "env | grep -E '^(MESOS|MRR|LIBPROCESS)_' > \"$vars\"",
    `chown -R ${imageUser}:${imageUser} "$MESOS_DIRECTORY"`,
    `exec ${which.stdout.trim()} -H ${engine?.host} run --rm --network host --env-file "$vars" \\`,
    '  -e MESOS_SANDBOX=/mnt/mesos/sandbox -v "$MESOS_DIRECTORY:/mnt/mesos/sandbox" \\',
    `  ${imageOf("executor")} sh -c 'cd "$MESOS_SANDBOX" && exec mr-redis-executor'`,
  ];
  await writeFile(file, `${lines.join("\n")}\n`);
  chmodSync(file, 0o755);
  return file;
}

/** As deploy/docker/compose.yaml starts them. */
const locked = [
  ...["--detach", "--network", "host", "--read-only", "--cap-drop", "ALL"],
  ...["--security-opt", "no-new-privileges:true"],
];

async function startScheduler(here: Site): Promise<void> {
  const text = readFileSync(join(here.directory, "config-0.json"), "utf8");
  const proxyPorts = await freePortRange(10);
  const config: Record<string, string> = {
    ...(JSON.parse(text) as object),
    UserName: "root",
    DataDir: "/var/lib/mr-redis/store",
    ExecutorPath: "/etc/mr-redis/executor-in-container",
    ProxyPorts: `${proxyPorts.first}-${proxyPorts.last}`,
  };
  const file = join(directory, "config.json");
  await writeFile(file, JSON.stringify(config));
  // The user of the image reads it.
  chmodSync(directory, 0o755);
  await docker(
    ...["run", ...locked, "--name", "scheduler", "-e", `MRR_HEALTH_PORT=${config.HTTPPort}`],
    ...["-v", `${file}:/etc/mr-redis/config.json:ro`, "-v", "state:/var/lib/mr-redis"],
    ...["-v", `${await writeExecutor()}:/etc/mr-redis/executor-in-container:ro`],
    imageOf("scheduler"),
  );
  await eventually(
    async () => {
      const answer = await here.api("GET", "/readyz").catch(async (cause: unknown) => {
        throw new Error(await logOf("scheduler"), { cause });
      });
      expect([answer.status, answer.text]).toEqual([200, expect.anything()]);
    },
    { deadlineMs, what: "the scheduler in its container is ready" },
  );
}

/** The end of what the program of a container said. */
async function logOf(container: string): Promise<string> {
  const said = await engine?.docker(["logs", "--tail", "20", container]);
  return `${container}: ${said?.stdout}${said?.stderr}`;
}

async function startProxy(here: Site): Promise<void> {
  const port = String(await freePort());
  await docker(
    ...["run", ...locked, "--name", "proxy", "-e", `MRR_HEALTH_PORT=${port}`],
    ...["-v", "proxy-state:/var/lib/mr-redis", imageOf("proxy")],
    ...["-scheduler", here.endpoint, "-bind", "127.0.0.1", "-http-port", port],
  );
}

beforeAll(async () => {
  if (engine === null) return;
  await timed("all of the building", buildImages);
  site = await startSite({ agents: 2, redisPorts: 20 });
  await startScheduler(site);
  await startProxy(site);
}, buildMs);

afterAll(async () => {
  process.stdout.write(`images: ${seconds.join(", ")}\n`);
  await engine?.stop();
  await site?.destroy();
  rmSync(directory, { recursive: true, force: true });
}, deadlineMs);

test.skipIf(engine === null)(
  "the main job, a failover and a kill -9 with every program in a container",
  { timeout: 180_000 },
  async () => {
    if (site === null) throw new Error("no site");
    const here = site;
    const mrr = async (...args: string[]): Promise<string> => {
      const result = await runMrr(args, { endpoint: here.endpoint, deadlineMs });
      expect(result.exitCode, result.stderr).toBe(0);
      return result.stdout;
    };
    const show = async (): Promise<ShownInstance> =>
      (await here.api("GET", "/v2/instances/inst")).json as ShownInstance;
    const until = <T>(what: string, look: () => Promise<T>): Promise<T> =>
      eventually(look, { deadlineMs, what });

    const created = await timed("create", () =>
      mrr("create", "-n", "inst", "-m", "100", "-s", "1", "-w"),
    );
    expect(created).toContain("Created.");
    const first = masterOf(await show());
    const connection = (await here.api("GET", "/v2/instances/inst/connection")).json;
    const { host: ip, port } = connection as { host: string; port: number };
    const atProxy = <T>(work: Parameters<typeof withRedis<T>>[1]): Promise<T> =>
      until("the proxy leads there", () => withRedis({ ip, port }, work));
    expect(await atProxy((redis) => redis.set("foo", "bar"))).toBe("OK");

    const inContainers = await docker("ps", "--format", "{{.Image}}");
    const count = (name: ImageName): number => inContainers.split(imageOf(name)).length - 1;
    expect(programs.map(count)).toEqual([1, 1, 2]);

    await mrr("failover", "-n", "inst");
    const second = await until("another master", async () => {
      const shown = await show();
      expect([shown.status, shown.epoch]).toEqual(["RUNNING", 2]);
      return masterOf(shown);
    });
    expect(second.id).not.toBe(first.id);

    signalProcess(redisAt(second.port), "SIGKILL");
    await until("a third reign", async () => {
      const shown = await show();
      expect([shown.status, shown.epoch, shown.processes.length]).toEqual(["RUNNING", 3, 2]);
    });
    expect(await atProxy((redis) => redis.get("foo"))).toBe("bar");

    await until("both say that they are healthy", async () => {
      const states = await docker(
        "inspect",
        "-f",
        "{{.State.Health.Status}}",
        "scheduler",
        "proxy",
      );
      expect(states.split("\n")).toEqual(["healthy", "healthy"]);
    });
    const ports = (await show()).processes.map((process) => process.port);
    await mrr("delete", "-n", "inst", "-w");
    await until("no redis-server is left", async () => {
      expect(ports.filter((each) => redisServers().has(each))).toEqual([]);
    });
  },
);

/** The redis-servers of this machine, by the ports in their titles: those in containers are seen like any other. */
function redisServers(): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  for (const { name, pid, commandLine } of seeProcesses()) {
    const port = /^\S+ \S*:(\d+)/.exec(commandLine)?.[1];
    if (name === "redis-server" && port !== undefined) found.set(Number(port), pid);
  }
  return found;
}

function redisAt(port: number): number {
  const pid = redisServers().get(port);
  if (pid === undefined) throw new Error(`no redis-server has port ${port}`);
  return pid;
}
