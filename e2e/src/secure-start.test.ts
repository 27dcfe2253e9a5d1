/**
 * Tests of what a scheduler says at its start about who may use it, and of what it refuses. SPDX-License-Identifier: Apache-2.0
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Authority, freePorts, repositoryRoot, run } from "@mr-redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";

const directory = mkdtempSync(join(tmpdir(), "mrr-secure-start-"));
let authority: Authority;
let config: Readonly<Record<string, unknown>>;

beforeAll(async () => {
  authority = new Authority();
  const [httpPort, artifactPort] = await freePorts(2);
  const { cert } = authority.certificate("IP:127.0.0.1");
  writeFileSync(join(directory, "cert.pem"), cert);
  writeFileSync(join(directory, "key.pem"), authority.certificate("IP:127.0.0.1").key);
  writeFileSync(join(directory, "tokens"), `ok read sha256:${"0".repeat(64)}\nalice root x\n`);
  config = {
    ...{ DBType: "memory", UserName: "", Master: "127.0.0.1:1", HTTPBind: "127.0.0.1" },
    ...{ HTTPPort: httpPort, ArtifactPort: artifactPort, LogFile: join(directory, "log") },
  };
});

afterAll(() => {
  authority.remove();
  rmSync(directory, { recursive: true });
});

const start = async (more: Readonly<Record<string, unknown>>, ...flags: string[]) => {
  const file = join(directory, "config.json");
  writeFileSync(file, JSON.stringify({ ...config, ...more }));
  const script = join(repositoryRoot(), "packages/scheduler/dist/main.js");
  const args = [script, `-config=${file}`, ...flags];
  return run({ command: process.execPath, args, deadlineMs: 40_000 });
};

// Nobody has this address, so the start ends there; nothing listens where others could reach it.
const elsewhere = { HTTPBind: "192.0.2.1" };

test("open to others without tokens: it says so on stderr, wherever the log goes", async () => {
  const { exitCode, stderr } = await start(elsewhere);
  expect([exitCode, stderr.split("\n")]).toEqual([
    2,
    expect.arrayContaining([
      "mrr-scheduler: warning: HTTPBind is 192.0.2.1 and there is no HTTPTokenFile: whoever reaches this port may " +
        "create and delete instances",
      expect.stringMatching(/^mrr-scheduler: config-invalid: 192\.0\.2\.1:\d+ cannot be opened/),
    ]),
  ]);
  const checked = await start(elsewhere, "-check-config");
  expect([checked.exitCode, checked.stderr]).toEqual([
    0,
    expect.stringContaining("warning: HTTPBind is 192.0.2.1 and there is no HTTPTokenFile"),
  ]);
});

test.each([
  [
    "RequireAuth without tokens",
    { RequireAuth: true, ...elsewhere },
    "RequireAuth needs an HTTPTokenFile",
  ],
  [
    "a bad line of tokens",
    { HTTPTokenFile: join(directory, "tokens") },
    `config-invalid: HTTPTokenFile ${directory}/tokens: line 2 must have the role read or operate or admin`,
  ],
  [
    "no file of tokens",
    { HTTPTokenFile: join(directory, "none") },
    `config-invalid: HTTPTokenFile ${directory}/none cannot be read: ENOENT`,
  ],
  [
    "a key of another certificate",
    {
      HTTPCertificateFile: join(directory, "cert.pem"),
      HTTPKeyFile: join(directory, "key.pem"),
    },
    `config-invalid: HTTPKeyFile ${directory}/key.pem must be the key of the certificate in`,
  ],
])("with %s it does not start", async (_what, more, text) => {
  const { exitCode, stdout, stderr } = await start(more);
  expect([exitCode, stdout, stderr]).toEqual([2, "", expect.stringContaining(text)]);
});
