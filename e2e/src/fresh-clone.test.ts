/**
 * Test of a newcomer's way: clone, `npm start`, the four lines, Ctrl-C, and a second start.
 * Slow (it installs and builds), so it has a script of its own: `npm run e2e:clone`.
 * SPDX-License-Identifier: Apache-2.0
 */
import { cp, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import {
  callApi,
  eventually,
  findProcesses,
  findRedisServers,
  freePortRange,
  freePorts,
  launch,
  type Program,
  repositoryRoot,
  run,
  sweepProcesses,
} from "@mr-redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";

/** Install and build on two busy cores. */
const firstStartMsMax = 240_000;

/** The bar for a start with everything installed and built. */
const secondStartMsMax = 3_000;

let clone = "";
let ports: readonly number[] = [];
let redisPorts = "";
let proxyPorts = "";
let endpoint = "";
let env: NodeJS.ProcessEnv = {};

beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), "mrr-clone-"));
  clone = join(directory, "mr-redis");
  const root = repositoryRoot();
  const isRepository = await stat(join(root, ".git")).catch(() => null);
  if (isRepository === null) {
    const skipped = new Set(["node_modules", "dist", "bundle", ".mrr", ".turbo"]);
    await cp(root, clone, { recursive: true, filter: (path) => !skipped.has(basename(path)) });
  } else {
    const cloned = await run({ command: "git", args: ["clone", "--quiet", root, clone] });
    expect([cloned.exitCode, cloned.stderr]).toEqual([0, ""]);
  }
  ports = await freePorts(4);
  const range = await freePortRange(60);
  redisPorts = `${range.first}-${range.last}`;
  const proxied = await freePortRange(20);
  proxyPorts = `${proxied.first}-${proxied.last}`;
  endpoint = `http://127.0.0.1:${ports[0]}`;
  env = { ...process.env, MRR_ENDPOINT: endpoint, npm_config_prefer_offline: "true" };
  for (const name of ["NODE_OPTIONS", "NODE_ENV", "VITEST"]) delete env[name];
});

afterAll(async () => {
  expect(await sweepProcesses(clone)).toEqual([]);
  await rm(join(clone, ".."), { recursive: true, force: true });
});

const start = (): Promise<Program> =>
  launch({
    command: "npm",
    args: [
      ...["start", "--", "--http-port", String(ports[0]), "--artifact-port", String(ports[1])],
      ...["--mesos-port", String(ports[2]), "--ports", redisPorts],
      ...["--proxy-http-port", String(ports[3]), "--proxy-ports", proxyPorts],
    ],
    cwd: clone,
    env,
  });

async function ready(program: Program, deadlineMs: number): Promise<number> {
  const startMs = performance.now();
  const isReady = async () => expect((await callApi(endpoint, "GET", "/readyz")).status).toBe(200);
  await program.waitFor(isReady, { deadlineMs, what: "npm start is ready" });
  return performance.now() - startMs;
}

const npx = (...args: string[]) => run({ command: "npx", args: ["mrr", ...args], cwd: clone, env });

async function stop(program: Program): Promise<void> {
  program.interrupt();
  const timer = setTimeout(() => void program.kill(), 15_000);
  const exit = await program.exited;
  clearTimeout(timer);
  expect(exit.signal, program.log).not.toBe("SIGKILL");
  await eventually(() => expect(findProcesses(clone)).toEqual([]), { deadlineMs: 3_000 });
}

test(
  "clone, npm start, four lines, Ctrl-C, second start within 3 s",
  async () => {
    const first = await start();
    try {
      const tookMs = await ready(first, firstStartMsMax);
      process.stdout.write(`npm start on a fresh clone: ready after ${Math.round(tookMs)} ms\n`);
      const created = await npx("create", "-n", "inst", "-m", "200", "-s", "1", "-w");
      expect([created.exitCode, created.stdout]).toEqual([0, expect.stringContaining("Created.")]);
      const status = await npx("status", "-n", "inst");
      const port = /Master = 127\.0\.0\.1:(\d+)/.exec(status.stdout)?.[1] ?? "none";
      const set = await run({ command: "redis-cli", args: ["-p", port, "set", "foo", "bar"] });
      expect(set.stdout).toBe("OK\n");
      expect((await npx("delete", "-n", "inst")).exitCode).toBe(0);
      await eventually(() => expect(findRedisServers(clone)).toEqual([]));
      expect((await npx("create", "-n", "kept", "-w")).exitCode).toBe(0);
      await stop(first);
    } finally {
      await first.kill();
    }

    // What else the machine does can only add to the time, so the best of three counts.
    let bestMs = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < 3 && bestMs >= secondStartMsMax; tries += 1) {
      const again = await start();
      try {
        const tookMs = await ready(again, 30_000);
        process.stdout.write(`second npm start: ready after ${Math.round(tookMs)} ms\n`);
        bestMs = Math.min(bestMs, tookMs);
        await eventually(async () => {
          expect((await npx("status", "-n", "kept")).stdout).toMatch(/^Status = RUNNING/);
        });
        await stop(again);
      } finally {
        await again.kill();
      }
    }
    expect(bestMs).toBeLessThan(secondStartMsMax);
  },
  2 * firstStartMsMax,
);

// After the other one, whose installation it has: a second one would cost as much as everything else here.
test(
  "before anything is built, npx mrr says what to do",
  async () => {
    const packages = join(clone, "packages");
    for (const name of await readdir(packages)) {
      for (const built of ["dist", "bundle"]) {
        await rm(join(packages, name, built), { recursive: true, force: true });
      }
    }
    const result = await npx("status");
    expect(result.exitCode).not.toBe(0);
    expect(result.stderr).toMatch(/npm (start|run build)/);
  },
  firstStartMsMax,
);
