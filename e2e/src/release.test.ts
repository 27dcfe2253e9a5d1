/**
 * Test of the release: its archives, unpacked in an empty folder, run the main job with node alone; what they contain is
 * told by checksums and lists, and nothing in them names the machine.
 * Not: the fresh clone. Slow (it bundles and packs some 100 MB), so it runs with that: `npm run e2e:clone`.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  callApi,
  eventually,
  findRedisServers,
  freePortRange,
  freePorts,
  launch,
  repositoryRoot,
  run,
  sweepProcesses,
} from "@mr-redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";

/** Bundling and packing on two busy cores: 12 s on idle ones. */
const releaseMsMax = 180_000;

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
  expect([result.exitCode, result.stderr]).toEqual([0, ""]);
  return result.stdout;
};

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "mrr-release-"));
  const release = join(directory, "release");
  await succeed(
    process.execPath,
    ["tools/release.mjs", "--out", release, "all", "scheduler", "mrr"],
    repositoryRoot(),
  );
  const checked = await succeed("sha256sum", ["--check", "SHA256SUMS"], release);
  const files = (await readdir(release)).filter((file) => file !== "SHA256SUMS");
  expect(checked.trimEnd().split("\n").sort()).toEqual(files.map((file) => `${file}: OK`).sort());
  const place = join(directory, "empty");
  await mkdir(place);
  for (const file of files.filter((each) => each.endsWith(".tar.gz"))) {
    await succeed("tar", ["-xf", join(release, file)], place);
    const name = file.replace(/\.tar\.gz$/, "");
    folders.set(name.replace(`-${await version()}`, ""), join(place, name));
  }
}, releaseMsMax);

afterAll(async () => {
  expect(await sweepProcesses(directory)).toEqual([]);
  await rm(directory, { recursive: true, force: true });
});

test("create, status, set, failover, delete, with node alone", async () => {
  const dataDir = join(directory, "data");
  const [http = 0, artifact = 0, mesos = 0] = await freePorts(3);
  const range = await freePortRange(30);
  const endpoint = `http://127.0.0.1:${http}`;
  const up = await launch({
    command: join(folder("mr-redis-linux"), "bin/mrr"),
    args: [
      ...["up", "--data-dir", dataDir, "--http-port", String(http)],
      ...["--artifact-port", String(artifact), "--mesos-port", String(mesos)],
      ...["--ports", `${range.first}-${range.last}`],
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
    const address = async (): Promise<string> => {
      const status = await mrr("status", "-n", "inst");
      expect(status).toMatch(/^Status = RUNNING\n/);
      return /Master = 127\.0\.0\.1:(\d+)/.exec(status)?.[1] ?? "none";
    };
    const redis = (port: string, ...words: string[]) =>
      succeed("redis-cli", ["-p", port, ...words], directory);

    expect(await mrr("create", "-n", "inst", "-m", "100", "-s", "1", "-w")).toContain("Created.");
    const before = await address();
    expect(await redis(before, "set", "foo", "bar")).toBe("OK\n");
    await mrr("failover", "-n", "inst");
    await eventually(
      async () => {
        const after = await address();
        expect(after).not.toBe(before);
        expect(await redis(after, "get", "foo")).toBe("bar\n");
      },
      { deadlineMs: 60_000, what: "the replica has taken over" },
    );
    await mrr("delete", "-n", "inst");
    await eventually(() => expect(findRedisServers(dataDir)).toEqual([]), { deadlineMs: 60_000 });
  } finally {
    up.interrupt();
    const timer = setTimeout(() => void up.kill(), 20_000);
    await up.exited;
    clearTimeout(timer);
  }
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
    const expected = isServer ? ["classic-level", "etcd3", "fastify", "ioredis"] : ["commander"];
    expect(names).toEqual(expect.arrayContaining(expected));
  }
});
