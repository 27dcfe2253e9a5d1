/**
 * Test of the release: its archives, unpacked in an empty folder, run the main job with node alone; what they contain is
 * told by checksums and lists, and nothing in them names the machine.
 * Not: the fresh clone. Slow (it bundles and packs some 100 MB), so it runs with that: `npm run e2e:clone`.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  callApi,
  eventually,
  findProcesses,
  findRedisServers,
  freePortRange,
  freePorts,
  launch,
  repositoryRoot,
  run,
  sweepProcesses,
} from "@mr-redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";

/** Bundling and packing on two busy cores: 10 s on idle ones. */
const releaseMsMax = 240_000;

let directory = "";
/** Name of an archive without version and ending -> its folder. */
const folders = new Map<string, string>();

const folder = (name: string): string => folders.get(name) ?? `no archive ${name}`;

/** Where node and redis-server are, and nothing of this repository. */
const env: NodeJS.ProcessEnv = {
  PATH: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
  HOME: "/nonexistent",
};

const version = async (): Promise<string> => {
  const manifest: unknown = JSON.parse(
    await readFile(join(repositoryRoot(), "package.json"), "utf8"),
  );
  return (manifest as { version: string }).version;
};

const succeed = async (command: string, args: string[], cwd: string): Promise<string> => {
  const result = await run({ command, args, cwd, env, deadlineMs: releaseMsMax });
  // What is waited for is told on stderr.
  expect(result.exitCode, result.stderr).toBe(0);
  return result.stdout;
};

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "mrr-release-"));
  const release = join(directory, "release");
  await succeed(
    process.execPath,
    ["tools/release.mjs", "--level", "1", "--out", release, "all", "scheduler", "executor", "mrr"],
    repositoryRoot(),
  );
  const checked = await succeed("sha256sum", ["--check", "SHA256SUMS"], release);
  const files = (await readdir(release)).filter((file) => file !== "SHA256SUMS");
  expect(checked.trimEnd().split("\n").sort()).toEqual(files.map((file) => `${file}: OK`).sort());
  const place = join(directory, "empty");
  await mkdir(place);
  // Those of executors unpack to a folder without a version, which the command on agents names.
  const archives = files.filter((file) => /^(?!mr-redis-executor).*\.tar\.gz$/.test(file));
  for (const file of archives) {
    await succeed("tar", ["-xf", join(release, file)], place);
    const name = file.replace(/\.tar\.gz$/, "");
    folders.set(name.replace(`-${await version()}`, ""), join(place, name));
  }
}, releaseMsMax);

afterAll(async () => {
  expect(await sweepProcesses(directory)).toEqual([]);
  await rm(directory, { recursive: true, force: true });
});

/** What a test does with a running `mrr up` of the archive. */
interface Site {
  readonly dataDir: string;
  /** The program that is one file. */
  mrr(...args: string[]): Promise<string>;
  /** Port of the master of `inst`, which runs. */
  masterPort(): Promise<string>;
}

/** Starts the unpacked `mrr up` with this configuration, and ends it after `act`. */
async function withSite(
  config: Readonly<Record<string, string>>,
  act: (site: Site) => Promise<void>,
): Promise<void> {
  const dataDir = await mkdtemp(join(directory, "data-"));
  const configFile = join(dataDir, "config.json");
  await writeFile(configFile, JSON.stringify(config));
  const [http = 0, artifact = 0, mesos = 0, proxy = 0] = await freePorts(4);
  const range = await freePortRange(30);
  const proxied = await freePortRange(20);
  const endpoint = `http://127.0.0.1:${http}`;
  const up = await launch({
    command: join(folder("mr-redis-linux"), "bin/mrr"),
    args: [
      ...["up", "--data-dir", dataDir, "--http-port", String(http)],
      ...["--artifact-port", String(artifact), "--mesos-port", String(mesos)],
      ...["--ports", `${range.first}-${range.last}`, "--config", configFile],
      ...["--proxy-http-port", String(proxy)],
      ...["--proxy-ports", `${proxied.first}-${proxied.last}`],
    ],
    cwd: directory,
    env,
  });
  try {
    await up.waitFor(
      async () => expect((await callApi(endpoint, "GET", "/readyz")).status).toBe(200),
      { deadlineMs: 60_000, what: "the unpacked mrr up is ready" },
    );
    const single = join(folder(`mrr-linux-${process.arch}`), "mrr");
    const mrr = (...args: string[]) => succeed(single, ["-e", endpoint, ...args], directory);
    const masterPort = async (): Promise<string> => {
      const status = await mrr("status", "-n", "inst");
      expect(status).toMatch(/^Status = RUNNING\n/);
      return /Master = 127\.0\.0\.1:(\d+)/.exec(status)?.[1] ?? "none";
    };
    await act({ dataDir, mrr, masterPort });
    await mrr("delete", "-n", "inst");
    await eventually(() => expect(findRedisServers(dataDir)).toEqual([]), { deadlineMs: 60_000 });
  } finally {
    up.interrupt();
    const timer = setTimeout(() => void up.kill(), 20_000);
    await up.exited;
    clearTimeout(timer);
  }
}

const redis = (port: string, ...words: string[]): Promise<string> =>
  succeed("redis-cli", ["-p", port, ...words], directory);

const create = ["create", "-n", "inst", "-m", "100", "-s", "1", "-w"];

test("create, status, set, failover, delete, with node alone", async () => {
  await withSite({}, async ({ mrr, masterPort }) => {
    expect(await mrr(...create)).toContain("Created.");
    const before = await masterPort();
    expect(await redis(before, "set", "foo", "bar")).toBe("OK\n");
    await mrr("failover", "-n", "inst");
    await eventually(
      async () => {
        const after = await masterPort();
        expect(after).not.toBe(before);
        expect(await redis(after, "get", "foo")).toBe("bar\n");
      },
      { deadlineMs: 60_000, what: "the replica has taken over" },
    );
  });
}, 240_000);

/** The command lines of all executors below a data directory. */
const executors = (dataDir: string): string[] =>
  findProcesses(dataDir)
    .map(({ commandLine }) => commandLine)
    .filter((line) => /executor/i.test(line) && !/redis-server|scheduler|local/.test(line));

test("MrRedisExecutor as ExecutorPath, and a redis-server that is served", async () => {
  const server = (await run({ command: "sh", args: ["-c", "command -v redis-server"] })).stdout;
  const config = {
    ExecutorPath: join(folder(`MrRedisExecutor-linux-${process.arch}`), "MrRedisExecutor"),
    RedisServerFile: server.trim(),
    NodePath: "/nonexistent/node",
  };
  await withSite(config, async ({ dataDir, mrr, masterPort }) => {
    expect(await mrr(...create)).toContain("Created.");
    expect(await redis(await masterPort(), "set", "foo", "bar")).toBe("OK\n");
    expect(executors(dataDir)).toContainEqual(
      expect.stringMatching(/^\.\/MrRedisExecutor\.[0-9a-f]{12}\s*$/),
    );
  });
}, 240_000);

test("the archive with node as ExecutorPath, on agents without", async () => {
  const archive = `mr-redis-executor-${await version()}-linux-${process.arch}-node.tar.gz`;
  const config = {
    ExecutorPath: join(directory, "release", archive),
    NodePath: "/nonexistent/node",
  };
  await withSite(config, async ({ dataDir, mrr, masterPort }) => {
    expect(await mrr(...create)).toContain("Created.");
    expect(await redis(await masterPort(), "set", "foo", "bar")).toBe("OK\n");
    expect(executors(dataDir)).toContainEqual(
      expect.stringMatching(/\/mr-redis-executor\/node\W.*mr-redis-executor\.cjs/),
    );
  });
}, 240_000);

test("each program tells its version", async () => {
  const expected = `${await version()}\n`;
  const all = join(folder("mr-redis-linux"), "bin");
  const told = await Promise.all([
    succeed(join(folder("mr-redis-scheduler-linux"), "bin/mrr-scheduler"), ["-version"], directory),
    succeed(join(all, "mrr"), ["--version"], directory),
    succeed(join(all, "mrr-proxy"), ["-version"], directory),
    succeed(join(folder(`mrr-linux-${process.arch}`), "mrr"), ["--version"], directory),
    succeed(join(folder("mrr-macos"), "mrr"), ["--version"], directory),
    succeed(process.execPath, [join(folder("mrr-windows"), "mrr.cjs"), "--version"], directory),
  ]);
  expect(told).toEqual(told.map(() => expected));
});

test("the single file says where mrr up is", async () => {
  const single = join(folder(`mrr-linux-${process.arch}`), "mrr");
  const { exitCode, stderr } = await run({ command: single, args: ["up"], cwd: directory, env });
  expect([exitCode, stderr]).toEqual([
    2,
    expect.stringContaining("`mrr up` is in the archive mr-redis-VERSION-linux.tar.gz"),
  ]);
});

test("a list of the parts lies in each, with versions, licences and hashes", async () => {
  for (const place of folders.values()) {
    const sbom = JSON.parse(await readFile(join(place, "sbom.cdx.json"), "utf8"));
    expect([sbom.bomFormat, sbom.specVersion]).toEqual(["CycloneDX", "1.5"]);
    const libraries = sbom.components.filter((each: { type: string }) => each.type === "library");
    for (const library of libraries) {
      expect(library).toMatchObject({
        version: expect.stringMatching(/^\d/),
        licenses: [{ expression: expect.any(String) }],
        hashes: [{ alg: "SHA-512", content: expect.stringMatching(/^[0-9a-f]{128}$/) }],
      });
    }
    const names = libraries.map(({ name }: { name: string }) => name);
    const isServer = /mr-redis-(\d|scheduler)/.test(place);
    const isExecutor = place.includes("MrRedisExecutor");
    const ofServers = ["classic-level", "etcd3", "fastify", "ioredis"];
    const expected = isServer ? ofServers : [isExecutor ? "ioredis" : "commander"];
    expect(names).toEqual(expect.arrayContaining(expected));
  }
});
