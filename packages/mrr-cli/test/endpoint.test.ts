/** Tests of which scheduler counts, of `mrr init`, and of the files in shared places. SPDX-License-Identifier: Apache-2.0 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import {
  chmod,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { freePort } from "@mr-redis/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseEndpoint } from "../src/endpoint/parse.js";
import { resolveEndpoint } from "../src/endpoint/resolve.js";
import { type FakeApi, startFakeApi } from "./fake-api.js";
import { captureIo, runCli, useDirectory, type World } from "./run-cli.js";

const directory = useDirectory();
const userFile = (): string => join(directory(), "home/.config/mr-redis/endpoint");
const ancestorFile = (): string => join(directory(), ".MrRedis");

const writeUser = async (text: string, path = userFile()): Promise<void> => {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
};

const resolve = async (changes: Partial<World> = {}, flag?: string) => {
  const { io, said } = captureIo({ directory: directory(), ...changes });
  const endpoint = await resolveEndpoint(io, flag).catch((error: Error) => error.message);
  return { endpoint, stderr: said().stderr };
};

describe("the endpoint that counts", () => {
  test("flag, variable, own file, the ancestor's file, default: in this order", async () => {
    const env = { MRR_ENDPOINT: "http://variable:1" };
    await writeUser("http://own:1\n");
    await writeFile(ancestorFile(), "http://old:1");
    const found = [
      await resolve({ env }, "http://flag:1"),
      await resolve({ env }),
      await resolve({ env: { MRR_ENDPOINT: "" } }),
      await resolve({ env: { XDG_CONFIG_HOME: join(directory(), "none") } }),
      await resolve({ env: { XDG_CONFIG_HOME: join(directory(), "none"), MRR_ANCESTOR_FILE: "" } }),
    ];
    expect(found).toEqual([
      { endpoint: { urls: ["http://flag:1"], source: "from --endpoint" }, stderr: "" },
      { endpoint: { urls: ["http://variable:1"], source: "from MRR_ENDPOINT" }, stderr: "" },
      { endpoint: { urls: ["http://own:1"], source: `from ${userFile()}` }, stderr: "" },
      { endpoint: { urls: ["http://old:1"], source: `from ${ancestorFile()}` }, stderr: "" },
      { endpoint: { urls: ["http://127.0.0.1:5656"], source: "the default" }, stderr: "" },
    ]);
  });

  test("XDG_CONFIG_HOME moves the own file; a relative one is ignored", async () => {
    await writeUser("http://own:1");
    await writeUser("http://moved:1", join(directory(), "xdg/mr-redis/endpoint"));
    const moved = await resolve({ env: { XDG_CONFIG_HOME: join(directory(), "xdg") } });
    const relative = await resolve({ env: { XDG_CONFIG_HOME: "xdg" } });
    expect([moved.endpoint, relative.endpoint]).toMatchObject([
      { urls: ["http://moved:1"] },
      { urls: ["http://own:1"] },
    ]);
  });

  test.each([
    ["http://old:1\n", "http://old:1"],
    ["http://old:1/\r\n", "http://old:1"],
    ["http://old:1\0\0\0", "http://old:1"],
    ["  https://old/service/mrredis \n", "https://old/service/mrredis"],
  ])("the ancestor's file may be made with echo: %j", async (text, url) => {
    await writeFile(ancestorFile(), text);
    expect((await resolve()).endpoint).toMatchObject({ urls: [url] });
  });

  test("empty files count as absent: a failed init of the ancestor left one", async () => {
    await writeUser("\n");
    await writeFile(ancestorFile(), "");
    expect((await resolve()).endpoint).toMatchObject({ source: "the default" });
  });

  test("a file with something else is an error that names it", async () => {
    await writeUser("localhost:5656\n");
    const { endpoint } = await resolve();
    expect(endpoint).toBe(
      `The endpoint from ${userFile()} is refused: The end point should contain http or https, ` +
        'like http://127.0.0.1:5656, and is "localhost:5656"',
    );
  });

  test("a file in the own directory may be a link", async () => {
    await writeUser("http://linked:1", join(directory(), "dotfiles"));
    await mkdir(dirname(userFile()), { recursive: true });
    await symlink(join(directory(), "dotfiles"), userFile());
    expect((await resolve()).endpoint).toMatchObject({ urls: ["http://linked:1"] });
  });
});

describe("the ancestor's file, when someone else could have written it", () => {
  const ignored = (because: string) => ({
    endpoint: { urls: ["http://127.0.0.1:5656"], source: "the default" },
    stderr: `Note: ${ancestorFile()} is ignored: ${because}.\n`,
  });

  test("a link", async () => {
    await writeFile(join(directory(), "other"), "http://evil:1");
    await symlink(join(directory(), "other"), ancestorFile());
    expect(await resolve()).toEqual(ignored("it is a link"));
  });

  test("a directory", async () => {
    await mkdir(ancestorFile());
    expect(await resolve()).toEqual(ignored("it is no regular file"));
  });

  test("a pipe does not hold the command", async () => {
    expect(spawnSync("mkfifo", [ancestorFile()]).status).toBe(0);
    expect(await resolve()).toEqual(ignored("it is no regular file"));
  });

  test("another user's; root's and one's own count", async () => {
    await writeFile(ancestorFile(), "http://shared:1");
    const owner = (await stat(ancestorFile())).uid;
    const others = await resolve({ userId: owner + 1 });
    // As root every file made here belongs to root, whose files count for everybody.
    if (owner === 0) expect(others.endpoint).toMatchObject({ urls: ["http://shared:1"] });
    else expect(others).toEqual(ignored("it belongs to another user"));
    expect((await resolve({ userId: owner })).endpoint).toMatchObject({
      urls: ["http://shared:1"],
    });
  });

  test.runIf(process.getuid?.() === 0)("another user's, as root", async () => {
    await writeFile(ancestorFile(), "http://evil:1");
    expect(spawnSync("chown", ["12345", ancestorFile()]).status).toBe(0);
    expect(await resolve()).toEqual(ignored("it belongs to another user"));
  });
});

describe("what an endpoint may be", () => {
  test.each([
    ["http://h:1", "http://h:1"],
    ["https://h", "https://h"],
    ["HTTP://H:1/", "http://h:1"],
    ["http://h:1/a/b//", "http://h:1/a/b"],
    ["http://[::1]:5656", "http://[::1]:5656"],
  ])("%s", (text, url) => {
    expect(parseEndpoint("x", text)).toEqual({ ok: true, value: url });
  });

  test.each([
    "",
    "h:1",
    "ftp://h",
    "http://",
    "http://h:99999",
    "http://u:p@h",
    "http://h?a=1",
    "http://h/#a",
    `http://h/${"a".repeat(2_048)}`,
  ])("%s is refused", (text) => {
    expect(parseEndpoint("x", text).ok).toBe(false);
  });
});

describe("several endpoints", () => {
  test("with commas, blanks around them, each once", async () => {
    const env = { MRR_ENDPOINT: "http://a:1/, https://b ,http://a:1" };
    expect((await resolve({ env })).endpoint).toEqual({
      urls: ["http://a:1", "https://b"],
      source: "from MRR_ENDPOINT",
    });
  });

  test("all that are wrong are named, and there are not too many", async () => {
    const wrong = await resolve({}, "http://a:1,b:2,http://u:p@c");
    expect(wrong.endpoint).toContain('and is "b:2"');
    expect(wrong.endpoint).toContain("must not hold a user or a password");
    expect((await resolve({}, Array(17).fill("http://a:1").join())).endpoint).toBe(
      "The endpoint from --endpoint must name at most 16 schedulers, and names 17",
    );
    expect((await resolve({}, "http://a:1,")).endpoint).toContain('and is ""');
  });
});

describe("mrr init", () => {
  let api: FakeApi;

  beforeEach(async () => {
    api = await startFakeApi();
    api.reply("GET /v2/version", { body: { version: "0.1.0", apis: ["v1", "v2"] } });
  });
  afterEach(() => api.close());

  const init = (url: string, changes: Partial<World> = {}) =>
    runCli({ directory: directory(), ...changes }, ["init", url]);

  test("nothing on stdout; the own file and the ancestor's in its raw form", async () => {
    expect(await init(`${api.url}/`)).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: `Commands of this user now go to ${api.url} (${userFile()}).\n`,
    });
    const modes = [(await stat(userFile())).mode, (await stat(dirname(userFile()))).mode];
    expect([
      await readFile(userFile(), "utf8"),
      await readFile(ancestorFile(), "utf8"),
      ...modes.map((mode) => mode & 0o777),
    ]).toEqual([`${api.url}\n`, api.url, 0o600, 0o700]);
    expect(await readdir(dirname(userFile()))).toEqual(["endpoint"]);
    expect((await resolve()).endpoint).toMatchObject({ urls: [api.url] });
  });

  test("several: one of them answers; the ancestor's file gets the first", async () => {
    const gone = `http://127.0.0.1:${await freePort()}`;
    expect((await init(`${gone},${api.url}`)).exitCode).toBe(0);
    expect([await readFile(userFile(), "utf8"), await readFile(ancestorFile(), "utf8")]).toEqual([
      `${gone},${api.url}\n`,
      gone,
    ]);
    expect((await resolve()).endpoint).toMatchObject({ urls: [gone, api.url] });
  });

  test("again: both are replaced, and what was longer leaves no rest", async () => {
    await writeUser(`http://${"a".repeat(100)}:1\n`);
    await writeFile(ancestorFile(), `http://${"a".repeat(100)}:1`);
    expect((await init(api.url)).exitCode).toBe(0);
    expect([await readFile(userFile(), "utf8"), await readFile(ancestorFile(), "utf8")]).toEqual([
      `${api.url}\n`,
      api.url,
    ]);
  });

  test.each(["", "127.0.0.1:5656", "ftp://h"])("%j is refused, nothing is written", async (url) => {
    const result = await init(url);
    expect([result.exitCode, result.stdout]).toEqual([2, ""]);
    expect(result.stderr).toContain("The end point should contain http or https");
    expect([existsSync(userFile()), existsSync(ancestorFile())]).toEqual([false, false]);
  });

  test("without a word behind it", async () => {
    const result = await runCli({ directory: directory() }, "init");
    expect([result.exitCode, result.stderr.includes("The end point should contain")]).toEqual([
      2,
      true,
    ]);
  });

  test("nobody there: the old file stays as it was", async () => {
    await writeUser("http://before:1\n");
    const url = `http://127.0.0.1:${await freePort()}`;
    const result = await init(url);
    expect([result.exitCode, result.stderr]).toEqual([5, expect.stringContaining(url)]);
    expect([await readFile(userFile(), "utf8"), existsSync(ancestorFile())]).toEqual([
      "http://before:1\n",
      false,
    ]);
  });

  test("another program there", async () => {
    api.reply("GET /v2/version", { status: 404, body: "<html>" });
    const result = await init(api.url);
    expect([result.exitCode, result.stderr.split("\n")[0]]).toEqual([
      5,
      `Error: ${api.url} answers, but not as a scheduler of mr-redis (GET /v2/version: 404)`,
    ]);
    expect(existsSync(userFile())).toBe(false);
  });

  test("a scheduler that has no leader just now is one", async () => {
    api.reply("GET /v2/version", { status: 503, body: { code: "not-ready", detail: "starting" } });
    expect((await init(api.url)).exitCode).toBe(0);
  });

  test("a directory that cannot be written", async () => {
    await writeFile(join(directory(), "home"), "a file, no directory");
    const result = await init(api.url);
    expect([result.exitCode, result.stderr]).toEqual([
      2,
      expect.stringContaining(`Unable to create config file ${userFile()}`),
    ]);
  });

  const leftAlone = (because: string) => ({
    exitCode: 0,
    stdout: "",
    stderr:
      `Commands of this user now go to ${api.url} (${userFile()}).\n` +
      `Note: ${ancestorFile()} is left alone: ${because}.\n`,
  });

  test("a link in the shared place is not followed", async () => {
    const victim = join(directory(), "victim");
    await writeFile(victim, "precious");
    await symlink(victim, ancestorFile());
    expect(await init(api.url)).toEqual(leftAlone("it is a link"));
    expect([
      await readFile(victim, "utf8"),
      (await lstat(ancestorFile())).isSymbolicLink(),
    ]).toEqual(["precious", true]);
  });

  test("nor is a dangling one", async () => {
    await symlink(join(directory(), "victim"), ancestorFile());
    expect(await init(api.url)).toEqual(leftAlone("it is a link"));
    expect(existsSync(join(directory(), "victim"))).toBe(false);
  });

  test("a second name of a file is not written through", async () => {
    const victim = join(directory(), "victim");
    await writeFile(victim, "precious");
    await link(victim, ancestorFile());
    expect(await init(api.url)).toEqual(leftAlone("it has several names"));
    expect(await readFile(victim, "utf8")).toBe("precious");
  });

  test("another user's file stays", async () => {
    await writeFile(ancestorFile(), "http://theirs:1");
    await chmod(ancestorFile(), 0o666);
    const owner = (await stat(ancestorFile())).uid;
    expect(await init(api.url, { userId: owner + 1 })).toEqual(
      leftAlone("it belongs to another user"),
    );
    expect(await readFile(ancestorFile(), "utf8")).toBe("http://theirs:1");
  });

  test("a pipe does not hold the command", async () => {
    expect(spawnSync("mkfifo", [ancestorFile()]).status).toBe(0);
    expect(await init(api.url)).toEqual(leftAlone("ENXIO"));
  });
});
