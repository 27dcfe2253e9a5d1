/**
 * Tests of the command line as a program: the link that npm makes, https, closed pipes, speed of the start.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawn } from "node:child_process";
import { constants, readFileSync } from "node:fs";
import { access, copyFile, mkdir, readFile, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "@mr-redis/testing";
import { describe, expect, test } from "vitest";
import { useBuiltCli } from "./built-cli.js";
import { instanceJson, startFakeApi } from "./fake-api.js";
import { useDirectory } from "./run-cli.js";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const main = useBuiltCli();

const directory = useDirectory();

const mrr = (words: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  run({
    command: process.execPath,
    args: [main(), ...words],
    env: { PATH: process.env.PATH, HOME: directory(), MRR_ANCESTOR_FILE: "", ...env },
  });

describe("npx mrr", () => {
  /** A workspace with nothing but this package and what its link needs, as npm sees it in a fresh clone. */
  async function freshClone(): Promise<string> {
    const root = join(directory(), "clone");
    const home = join(root, "packages/mrr-cli");
    await mkdir(join(home, "bin"), { recursive: true });
    await mkdir(join(root, "tools"));
    await copyFile(here("../bin/mrr.js"), join(home, "bin/mrr.js"), constants.COPYFILE_EXCL);
    await copyFile(here("../../../tools/program.mjs"), join(root, "tools/program.mjs"));
    const manifest = JSON.parse(await readFile(here("../package.json"), "utf8"));
    await writeFile(
      join(home, "package.json"),
      JSON.stringify({ ...manifest, dependencies: {}, devDependencies: {} }),
    );
    await writeFile(
      join(root, "package.json"),
      JSON.stringify({ name: "root", private: true, type: "module", workspaces: ["packages/*"] }),
    );
    const installed = await run({
      command: "npm",
      args: ["install", "--offline", "--no-audit", "--no-fund"],
      cwd: root,
    });
    expect([installed.exitCode, installed.stderr]).toEqual([0, expect.anything()]);
    return root;
  }

  test("is this package's, from the committed file on; before a build it says what to do", async () => {
    const root = await freshClone();
    const npx = (...words: string[]) =>
      run({ command: "npx", args: ["--no-install", "mrr", ...words], cwd: root });
    const before = await npx("status");
    expect([before.exitCode, before.stdout]).toEqual([69, ""]);
    expect(before.stderr).toContain("mrr is not built yet.");
    expect(before.stderr).toContain("npm start");
    expect(before.stderr).toContain("npm run build");

    await mkdir(join(root, "packages/mrr-cli/dist"));
    await writeFile(
      join(root, "packages/mrr-cli/dist/main.js"),
      "console.log(process.argv.slice(2).join());",
    );
    const after = await npx("status", "-n", "inst");
    expect([after.exitCode, after.stdout]).toEqual([0, "status,-n,inst\n"]);

    // The bundle starts faster, and counts until something was built after it.
    const home = join(root, "packages/mrr-cli");
    await mkdir(join(home, "bundle"));
    await writeFile(join(home, "bundle/mrr.js"), 'console.log("bundle");');
    expect((await npx("status")).stdout).toBe("bundle\n");
    await writeFile(join(home, "dist/.tsbuildinfo"), "");
    await utimes(join(home, "bundle/mrr.js"), 1, 1);
    expect((await npx("status")).stdout).toBe("status\n");
  });

  test("the committed file can be executed", async () => {
    await access(here("../bin/mrr.js"), constants.X_OK);
  });
});

describe("https", () => {
  const certificate = here("fixtures/loopback-cert.pem");

  async function withServer(use: (url: string) => Promise<void>): Promise<void> {
    const key = readFileSync(here("fixtures/loopback-key.pem"));
    const server = createServer({ key, cert: readFileSync(certificate) }, (_request, response) => {
      response.end(JSON.stringify(instanceJson()));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      await use(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  test("works with a certificate that is trusted, and init remembers it", async () => {
    await withServer(async (url) => {
      const env = { NODE_EXTRA_CA_CERTS: certificate };
      const init = await mrr(["init", url], env);
      expect([init.exitCode, init.stdout]).toEqual([0, ""]);
      const status = await mrr(["status", "-n", "inst"], env);
      expect([status.exitCode, status.stdout.split("\n")[0], status.stderr]).toEqual([
        0,
        "Status = RUNNING",
        "",
      ]);
    });
  });

  test("is refused, with the reason, with one that is not", async () => {
    await withServer(async (url) => {
      const status = await mrr(["status", "-n", "inst", "-e", url]);
      expect([status.exitCode, status.stderr.split("\n")[0]]).toEqual([
        5,
        `Error: ${url} (from --endpoint) does not answer: ` +
          "its certificate is self-signed (--ca-file names who vouches for it)",
      ]);
    });
  });
});

describe("as a program", () => {
  test("the version is the package's", async () => {
    const { version } = JSON.parse(await readFile(here("../package.json"), "utf8"));
    const result = await mrr(["--version"]);
    expect([result.exitCode, result.stdout, result.stderr]).toEqual([0, `${version}\n`, ""]);
  });

  test("exit codes come through", async () => {
    expect((await mrr(["creat"])).exitCode).toBe(2);
    expect((await mrr(["list", "-e", "http://127.0.0.1:1"])).exitCode).toBe(5);
  });

  test("a reader that goes away is no error", async () => {
    const api = await startFakeApi();
    const instances = Array.from({ length: 5_000 }, (_, index) =>
      instanceJson({ name: `inst${index}` }),
    );
    api.reply("GET /v2/instances", { body: { instances, next: null } });
    const child = spawn(process.execPath, [main(), "list", "-e", api.url], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk;
    });
    child.stdout.once("data", () => child.stdout.destroy());
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect([code, stderr]).toEqual([141, ""]);
    await api.close();
  });
});
