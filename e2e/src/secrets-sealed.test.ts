/**
 * Owns the proof that a store with a key file holds no secret in the clear on its disk, and that a scheduler without the right
 * key ends with exit code 2, changes nothing, and goes on once the key is back.
 * Not: the search in everything else (secure-main-job.test.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { callApi, type Program, type Site, startSite, until } from "@mr-redis/testing";
import { afterEach, beforeEach, expect, test } from "vitest";

let site: Site;
let vault: string;
let keyFile: string;

const newKey = (): string => `${randomBytes(32).toString("base64")}\n`;

beforeEach(async () => {
  vault = mkdtempSync(join(tmpdir(), "mrr-vault-"));
  keyFile = join(vault, "keys");
  writeFileSync(keyFile, newKey(), { mode: 0o600 });
  const config = { DBType: "embedded", SecretKeyFile: keyFile };
  site = await startSite({ agents: 2, redisPorts: 10, config });
});

afterEach(async () => {
  await site.destroy();
  rmSync(vault, { recursive: true, force: true });
});

const filesBelow = (directory: string): string[] =>
  readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

/** Passwords by which replicas log in: their configurations have them. */
const processSecrets = (): string[] =>
  filesBelow(join(site.directory, "agents"))
    .filter((path) => path.endsWith("redis.conf"))
    .flatMap((path) => [...readFileSync(path, "latin1").matchAll(/^masterauth "?([\w-]{20,})/gm)])
    .map(([, secret = ""]) => secret);

const storeText = (): string =>
  filesBelow(join(site.directory, "data"))
    .map((path) => readFileSync(path, "latin1"))
    .join("\n");

async function kill(scheduler: Program): Promise<void> {
  scheduler.signal("SIGKILL");
  await scheduler.exited;
}

test("no secret on the disk; another key is refused and loses nothing; the key again, and all goes on", async () => {
  const first = await site.startScheduler();
  const wish = { name: "sealed", memory: 100, slaves: 1, auth: true };
  const created = await callApi(site.endpoint, "POST", "/v2/instances?wait=30", wish);
  expect([created.status, created.json]).toMatchObject([201, { status: "RUNNING", auth: true }]);
  const connection = async () =>
    (await callApi(site.endpoint, "GET", "/v2/instances/sealed/connection")).json as {
      password: string;
      readOnly: { password: string };
    };
  const { password, readOnly } = await connection();
  const secrets = [password, readOnly.password, ...processSecrets()];
  expect(secrets.length).toBeGreaterThanOrEqual(3);
  await kill(first);
  const stored = storeText();
  expect(stored).toMatch(/sealed:1:[0-9a-f]{8}:/);
  for (const secret of secrets) {
    expect(secret.length).toBeGreaterThan(20);
    expect(stored.includes(secret), "a secret is in the store").toBe(false);
  }

  const key = readFileSync(keyFile, "utf8");
  writeFileSync(keyFile, newKey());
  const refused = await site.startScheduler({}, { untilReady: false });
  await until(() => refused.exit !== null, { deadlineMs: 30_000, what: "it ends" });
  expect(refused.exit?.code, refused.log).toBe(2);
  expect(refused.stderr).toMatch(
    /store-sealed: .*secrets of instance\/sealed are sealed with key [0-9a-f]{8}, and SecretKeyFile has key [0-9a-f]{8} only; nothing was changed/,
  );
  const pids = site.redisServers().map(({ pid }) => pid);
  expect(pids).toHaveLength(2);

  writeFileSync(keyFile, key);
  await site.startScheduler();
  const shown = await callApi(site.endpoint, "GET", "/v2/instances/sealed?wait=30");
  expect(shown.json).toMatchObject({ status: "RUNNING", epoch: 1 });
  expect(await connection()).toMatchObject({ password, readOnly });
  expect(site.redisServers().map(({ pid }) => pid)).toEqual(pids);
});
