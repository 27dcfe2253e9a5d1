/**
 * Tests of starts that cannot go well: configuration, ports, redis-server. The error is where the user looks.
 * SPDX-License-Identifier: Apache-2.0
 */
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import type { Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  closeServer,
  eventually,
  freePort,
  freePortRange,
  launchUp,
  listen,
  run,
  startUp,
  sweepProcesses,
  type UpOptions,
  until,
} from "@mr-redis/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { create, createRunning, masterOf, show } from "./look.js";

let directory = "";

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "mrr-start-"));
});

afterEach(async () => {
  await sweepProcesses(directory);
  await rm(directory, { recursive: true, force: true });
});

/** Starts `mrr up`, waits for its end, and gives what it said. */
async function failingUp(options: UpOptions): Promise<{ code: number | null; said: string }> {
  const { program, place } = await launchUp({ dataDir: join(directory, "data"), ...options });
  try {
    await until(() => program.exit !== null, { deadlineMs: 15_000, what: "mrr up ends" }).catch(
      (error: unknown) => {
        throw new Error(`${String(error)}\n${program.log}`);
      },
    );
    await eventually(() => expect(program.stdout + program.stderr).not.toBe(""));
    return { code: program.exit?.code ?? null, said: program.stdout + program.stderr };
  } finally {
    await program.kill();
    expect(await sweepProcesses(place.dataDir)).toEqual([]);
  }
}

const configFile = async (content: unknown): Promise<string> => {
  const file = join(directory, "config.json");
  await writeFile(file, typeof content === "string" ? content : JSON.stringify(content));
  return file;
};

/** A PATH with the programs that mr-redis needs, and of Redis only what a test puts there. */
async function pathWithout(): Promise<string> {
  const bin = join(directory, "bin");
  await mkdir(bin);
  await symlink(process.execPath, join(bin, "node"));
  for (const program of ["sh", "setpriv", "env", "cat", "nohup"]) {
    const { stdout } = await run({ command: "which", args: [program] });
    if (stdout !== "") await symlink(stdout.trim(), join(bin, program));
  }
  return bin;
}

test("a configuration file with several wrong keys: all of them at once, each by its name", async () => {
  const file = await configFile({
    HTTPPort: "many",
    ArtifactPort: "123456",
    DBType: "mongodb",
  });
  const { code, said } = await failingUp({ args: ["--config", file] });
  expect(code).toBe(2);
  for (const key of ["HTTPPort", "ArtifactPort", "DBType"]) expect(said).toContain(key);
  expect(said).toContain(file);
});

test("a configuration file that is no JSON, or not there, is named", async () => {
  const broken = await failingUp({ args: ["--config", await configFile("{ not json")] });
  expect([broken.code, broken.said]).toEqual([2, expect.stringContaining("config.json")]);
  const missing = await failingUp({ args: ["--config", join(directory, "missing.json")] });
  expect([missing.code, missing.said]).toEqual([2, expect.stringContaining("missing.json")]);
});

test("a taken HTTP port is named, and nothing is left behind", async () => {
  const port = await freePort();
  const stranger = await listen(port);
  try {
    const { code, said } = await failingUp({ httpPort: port });
    expect([code, said]).toEqual([8, expect.stringContaining(String(port))]);
  } finally {
    await closeServer(stranger);
  }
});

test("a taken artifact port is named", async () => {
  const port = await freePort();
  const stranger = await listen(port);
  try {
    const { code, said } = await failingUp({ artifactPort: port });
    expect([code, said]).toEqual([8, expect.stringContaining(String(port))]);
  } finally {
    await closeServer(stranger);
  }
});

test("no redis-server on PATH: said at the start", async () => {
  const { code, said } = await failingUp({ env: { PATH: await pathWithout() } });
  expect([code, said]).toEqual([9, expect.stringMatching(/redis-server/)]);
});

test("a RedisPath that leads nowhere: said at the start", async () => {
  const file = await configFile({ RedisPath: join(directory, "nowhere/redis-server") });
  const { code, said } = await failingUp({ args: ["--config", file] });
  expect([code, said]).toEqual([9, expect.stringContaining("nowhere/redis-server")]);
});

test("a redis-server that is too old is refused by its version", async () => {
  const bin = await pathWithout();
  const fake = join(bin, "redis-server");
  const version = "Redis server v=5.0.7 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64 build=0";
  await writeFile(fake, `#!/bin/sh\necho "${version}"\n`);
  await chmod(fake, 0o755);
  const { code, said } = await failingUp({ env: { PATH: bin } });
  expect([code, said]).toEqual([9, expect.stringContaining("5.0.7")]);
  expect(said).toContain("6.2");
});

test("ports that strangers hold: the instance gets another one, and says why it took longer", async () => {
  const redisPorts = await freePortRange(30);
  const up = await startUp({ redisPorts });
  const strangers: Server[] = [];
  try {
    // Most of each agent's share, from its lower end, which is where placement begins.
    for (let offset = 0; offset < 30; offset += 1) {
      if (offset % 10 < 3) strangers.push(await listen(redisPorts.first + offset));
    }
    const reasons = new Set<string>();
    await create(up, { name: "squeezed" });
    const shown = await eventually(
      async () => {
        const instance = await show(up, "squeezed");
        if (instance.reason !== null) reasons.add(instance.reason.text);
        expect(instance.status).toBe("RUNNING");
        return instance;
      },
      { deadlineMs: 45_000, intervalMs: 5 },
    );
    const taken = strangers.map((stranger) => {
      const address = stranger.address();
      return typeof address === "object" ? address?.port : undefined;
    });
    expect(taken).not.toContain(masterOf(shown).port);
    expect([...reasons].join("\n")).toMatch(/address already in use|port|exit code 1/i);
    await createRunning(up, { name: "next", slaves: 1 }, 45_000);
  } finally {
    await Promise.all(strangers.map(closeServer));
    expect(await up.stop()).toEqual([]);
  }
});

test("a machine without room: CREATING with a reason, and it runs as soon as there is room", async () => {
  const up = await startUp({ agents: 1, args: ["--agent-memory", "700"] });
  try {
    await createRunning(up, { name: "first", memory: 300 });
    await create(up, { name: "second", memory: 500 });
    await eventually(async () => {
      const shown = await show(up, "second");
      expect([shown.status, shown.reason?.text]).toEqual([
        "CREATING",
        expect.stringMatching(/MiB free|no room/),
      ]);
    });
    expect((await up.mrr("delete", "-n", "first")).exitCode).toBe(0);
    await eventually(async () => expect((await show(up, "second")).status).toBe("RUNNING"));
  } finally {
    expect(await up.stop()).toEqual([]);
  }
});
