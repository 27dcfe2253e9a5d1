/** Tests of how a command fails: exit codes, texts, JSON. SPDX-License-Identifier: Apache-2.0 */
import { createServer, type Server } from "node:net";
import { errorTable } from "@mr-redis/core";
import { closeServer, freePort, listen } from "@mr-redis/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createApiClient } from "../src/api/client.js";
import { type FakeApi, problem, startFakeApi } from "./fake-api.js";
import { runCli, useDirectory } from "./run-cli.js";

const directory = useDirectory();
let api: FakeApi;

beforeEach(async () => {
  api = await startFakeApi();
});
afterEach(() => api.close());

const run = (words: string, endpoint = api.url) =>
  runCli({ directory: directory(), env: { MRR_ENDPOINT: endpoint } }, words);

describe("what the server refuses", () => {
  test.each(Object.entries(errorTable))("%s ends with its exit code", async (code, entry) => {
    const body = problem(code, entry.httpStatus, "It is so.", entry.help);
    api.reply("DELETE /v2/instances/inst", { status: entry.httpStatus, body });
    expect(await run("delete -n inst")).toEqual({
      exitCode: entry.exitCode,
      stdout: "",
      stderr: `Error: It is so.\n       ${entry.help}\n`,
    });
  });

  test.each([
    [400, 2],
    [404, 3],
    [409, 4],
    [418, 2],
    [500, 70],
    [503, 5],
    [504, 10],
  ])("a code of a newer scheduler goes by its status %i", async (status, exitCode) => {
    const body = problem("of-tomorrow", status, "New.", "");
    api.reply("GET /v2/instances/inst", { status, body });
    expect(await run("status -n inst")).toEqual({ exitCode, stdout: "", stderr: "Error: New.\n" });
  });

  test("json: the problem details on one line of stderr", async () => {
    const body = problem("instance-exists", 409, "Instance inst exists already.");
    api.reply("POST /v2/instances", { status: 409, body });
    const result = await run("create -n inst -o json");
    expect([result.exitCode, result.stdout, JSON.parse(result.stderr)]).toEqual([4, "", body]);
  });

  test("control characters of a server do not reach the terminal", async () => {
    const body = problem("internal", 500, "a\u001b]0;b\u0007\r\nc", "\u009bd");
    api.reply("GET /v2/instances/inst", { status: 500, body });
    const { stderr } = await run("status -n inst");
    expect(stderr).toBe("Error: a ]0;b c\n        d\n");
  });

  test.each([
    [404, 2],
    [502, 5],
  ])("a page of another program with status %i", async (status, exitCode) => {
    api.reply("GET /v2/instances/inst", { status, body: "<html>" });
    const result = await run("status -n inst");
    expect(result.exitCode).toBe(exitCode);
    expect(result.stderr).toBe(
      `Error: GET ${api.url}/v2/instances/inst answers ${status} without a reason\n` +
        `       Is there a scheduler of mr-redis at ${api.url} (from MRR_ENDPOINT)?\n`,
    );
  });
});

describe("a server that is not there", () => {
  test("nobody listens", async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    expect(await run("list", url)).toEqual({
      exitCode: 5,
      stdout: "",
      stderr:
        `Error: ${url} (from MRR_ENDPOINT) does not answer: the connection is refused\n` +
        `       ${errorTable["unreachable-endpoint"].help}\n`,
    });
  });

  test("json: the same as problem details", async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const { stderr } = await run("list -o json", url);
    expect(JSON.parse(stderr)).toMatchObject({ code: "unreachable-endpoint", status: 502 });
  });

  test("a name that nobody knows", async () => {
    const { exitCode, stderr } = await run("list", "http://nobody.invalid:1");
    expect([exitCode, stderr]).toEqual([5, expect.stringMatching(/host('s name cannot| is not)/)]);
  });

  test("one that is no HTTP server, and one that closes", async () => {
    const talker: Server = createServer((socket) => {
      socket.on("error", () => {}).resume();
      socket.write("SSH-2.0-x\r\n");
    });
    await new Promise<void>((resolve) => talker.listen(0, "127.0.0.1", resolve));
    const address = talker.address();
    const port = typeof address === "object" ? address?.port : 0;
    const { exitCode, stderr } = await run("list", `http://127.0.0.1:${port}`);
    expect([exitCode, stderr]).toEqual([5, expect.stringContaining("it does not speak HTTP")]);
    await closeServer(talker);

    const closer = await listen(await freePort());
    const closed = closer.address();
    const closedPort = typeof closed === "object" ? closed?.port : 0;
    const result = await run("delete -n inst", `http://127.0.0.1:${closedPort}`);
    expect([result.exitCode, result.stderr]).toEqual([
      5,
      expect.stringContaining("what was asked may have been done, so look at the status"),
    ]);
    await closeServer(closer);
  });

  test("one that accepts and does not answer, and one whose answer is too large", async () => {
    const limits = { connectMsMax: 1_000, answerMsMax: 50, answerBytesMax: 1_000 };
    const client = createApiClient({ urls: [api.url], source: "from a test" }, limits);
    api.reply("GET /v2/slow", { holdMs: 5_000 });
    api.reply("GET /v2/large", { body: "x".repeat(1_001) });
    try {
      await expect(client.send({ method: "GET", path: "/v2/slow" })).rejects.toMatchObject({
        code: "timeout",
        message: `${api.url} (from a test) accepts the call and does not answer`,
      });
      await expect(client.send({ method: "GET", path: "/v2/large" })).rejects.toMatchObject({
        code: "unreachable-endpoint",
        message: `${api.url} (from a test) answers more than 1000 bytes`,
      });
    } finally {
      client.close();
    }
  });
});

describe("a command line that is wrong", () => {
  test.each([
    ["creat", "unknown command 'creat' (Did you mean create?)", ""],
    ["create --nam=x", "unknown option '--nam=x' (Did you mean --name?)", " create"],
    ["create -nmae x", "unknown option '--nmae' (Did you mean --name?)", " create"],
    [
      "create -n x -m 2GB",
      "option '-m, --memory <mb>' argument '2GB' is invalid. " +
        '--memory must be a whole number without a unit, and is "2GB"',
      " create",
    ],
    [
      "create -n x -w=maybe",
      "option '-w, --wait [true|false]' argument 'maybe' is invalid. It takes true or false.",
      " create",
    ],
    [
      "create -n x --timeout 0",
      "option '--timeout <seconds>' argument '0' is invalid. " +
        '--timeout must be a whole number from 1 to 86400, and is "0"',
      " create",
    ],
    [
      "status inst",
      "too many arguments for 'status'. Expected 0 arguments but got 1. " +
        "The name goes behind -n: -n NAME.",
      " status",
    ],
    [
      "list -o xml",
      "option '-o, --output <format>' argument 'xml' is invalid. It takes text or json.",
      " list",
    ],
    [
      "help nothing",
      "unknown command 'nothing'; there are init, create, status, list, connection, rotate-secret, delete, failover, failovers, upgrade, token, up, help",
      "",
    ],
    [
      "up --agent-cpus none",
      "option '--agent-cpus <cpus>' argument 'none' is invalid. It takes a number from 0.1 to 10000.",
      " up",
    ],
  ])("mrr %s", async (words, text, command) => {
    expect(await run(words)).toEqual({
      exitCode: 2,
      stdout: "",
      stderr: `Error: ${text}\n       \`mrr help${command}\` shows what there is.\n`,
    });
    expect(api.seen).toEqual([]);
  });

  test("no command: the help on stderr, exit code 2", async () => {
    const result = await runCli({ directory: directory() }, []);
    expect([result.exitCode, result.stdout]).toEqual([2, ""]);
    expect(result.stderr).toContain("mrr create -n inst -m 200 -s 1 -w");
  });
});

describe("help and version", () => {
  test.each(["--version", "-v", "-version"])("mrr %s", async (words) => {
    expect(await run(words)).toEqual({ exitCode: 0, stdout: "1.2.3\n", stderr: "" });
  });

  test.each([
    ["create", "c", "--distribution"],
    ["status", "s", "--name"],
    ["init", "i", "http://127.0.0.1:5656"],
    ["delete", "d", "--timeout"],
    ["list", "l", "--status"],
    ["upgrade", "upgrade", "--timeout"],
    ["up", "up", "--mesos-port"],
  ])("all ways to the help of %s", async (name, alias, text) => {
    const ways = [`${name} --help`, `${name} -h`, `${alias} -help`, `help ${name}`, `h ${alias}`];
    const results = await Promise.all(ways.map((words) => run(words)));
    const [first] = results;
    expect(results).toEqual(
      Array(ways.length).fill({ exitCode: 0, stdout: first?.stdout, stderr: "" }),
    );
    expect(first?.stdout).toContain(text);
    expect(first?.stdout).toContain("Examples:");
    expect(first?.stdout).toContain("--endpoint <url>");
  });

  test("mrr help lists the commands with their aliases", async () => {
    const { exitCode, stdout } = await run("help");
    expect(exitCode).toBe(0);
    for (const text of ["init|i", "create|c", "status|s", "list|l", "delete|d", "up", "help|h"]) {
      expect(stdout).toContain(text);
    }
  });
});
