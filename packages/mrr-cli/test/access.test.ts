/**
 * Tests of tokens: where they come from, where they go and do not go, `mrr token`, and https with an authority of one's own.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createHash } from "node:crypto";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { parseTokenFile } from "@mr-redis/core";
import { Authority } from "@mr-redis/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { tellExposure } from "../src/endpoint/access.js";
import { childEnvironment } from "../src/up/programs.js";
import { type FakeApi, startFakeApi } from "./fake-api.js";
import { captureIo, runCli, useDirectory, type World } from "./run-cli.js";

const directory = useDirectory();
const place = (name: string): string => join(directory(), name);
const tokenOf = (letter: string): string => `mrr_${letter.repeat(43)}`;

let api: FakeApi;
beforeEach(async () => {
  api = await startFakeApi();
  api.reply("GET /v2/instances", { body: { instances: [], next: null, stateAgeMs: 0 } });
  api.reply("GET /v2/version", { body: { version: "1.2.3", apis: ["v2"] } });
});
afterEach(() => api.close());

const write = async (name: string, letter: string, mode = 0o600): Promise<string> => {
  await writeFile(place(name), `${tokenOf(letter)}\n`, { mode });
  return place(name);
};

const run = (words: string, env: Record<string, string> = {}, changes: Partial<World> = {}) =>
  runCli({ directory: directory(), env: { MRR_ENDPOINT: api.url, ...env }, ...changes }, words);

/** The letter of the token that came last; null: none came. */
const lastLetter = (): string | null =>
  api.seen.at(-1)?.authorization?.replace(/^Bearer mrr_(.).*$/, "$1") ?? null;

describe("the token", () => {
  test("flag, variable, file of the variable, in this order; without any none is sent", async () => {
    const [a, c] = [await write("a", "a"), await write("c", "c")];
    const env = { MRR_TOKEN: tokenOf("b"), MRR_TOKEN_FILE: c };
    const found: (string | null)[] = [];
    for (const [words, given] of [
      [`list --token-file ${a}`, env],
      ["list", env],
      ["list", { MRR_TOKEN: "", MRR_TOKEN_FILE: c }],
      ["list", { MRR_TOKEN_FILE: "" }],
    ] as const) {
      expect(await run(words, given)).toMatchObject({ exitCode: 0 });
      found.push(lastLetter());
    }
    expect(found).toEqual(["a", "b", "c", null]);
  });

  test("goes to the leader that a standby names", async () => {
    const leader = await startFakeApi();
    leader.reply("GET /v2/instances", { body: { instances: [], next: null, stateAgeMs: 0 } });
    const location = `${leader.url}/v2/instances?limit=100`;
    api.reply("GET /v2/instances", { status: 307, headers: { location } });
    await run("list", { MRR_TOKEN: tokenOf("a") });
    expect(leader.seen.map(({ authorization }) => authorization)).toEqual([
      `Bearer ${tokenOf("a")}`,
    ]);
    await leader.close();
  });

  test("is remembered by init for its endpoint and for no other", async () => {
    await write("a", "a");
    const other = await startFakeApi();
    other.reply("GET /v2/instances", { body: { instances: [], next: null, stateAgeMs: 0 } });
    const bare = { MRR_ENDPOINT: "" };
    const init = await run(`init ${api.url} --token-file a`, bare);
    expect([init.exitCode, lastLetter()]).toEqual([0, "a"]);
    await run("list", bare);
    expect(lastLetter()).toBe("a");
    await run(`list -e ${other.url}`, bare);
    expect(other.seen.map(({ authorization }) => authorization)).toEqual([undefined]);
    // Somebody wrote another endpoint into the file by hand.
    await writeFile(place("home/.config/mr-redis/endpoint"), other.url);
    await run("list", bare);
    expect(other.seen.at(-1)?.authorization).toBeUndefined();
    await run(`init ${api.url}`, bare);
    await run("list", bare);
    expect(lastLetter()).toBeNull();
    await other.close();
  });

  test.each([
    ["list --token-file none", {}, "The token file none cannot be read: ENOENT"],
    ["list --token-file .", {}, "The token file . cannot be read: it is no regular file"],
    ["list --token-file short", {}, "short holds no token"],
    ["list", { MRR_TOKEN: "two words" }, "MRR_TOKEN holds no token"],
    ["list --ca-file none", {}, "The CA file none cannot be read: ENOENT"],
  ])("%s with %j is refused before anything is sent", async (words, env, text) => {
    await writeFile(place("short"), "secret-slip");
    const result = await run(words, { ...env });
    expect([result.exitCode, result.stderr]).toEqual([2, expect.stringContaining(text)]);
    expect(result.stderr).not.toContain("secret-slip");
    expect(api.seen).toEqual([]);
  });

  test("of a file for all, or over plain HTTP to others, is worth a note", async () => {
    await write("a", "a", 0o644);
    const result = await run("list --token-file a");
    expect(result.stderr).toContain(
      "Note: a can be read by others on this machine; chmod 600 ends that.\n",
    );
    const { io, said } = captureIo({ directory: directory() });
    const access = { token: tokenOf("a"), ca: null };
    for (const url of ["http://127.0.0.1:1", "https://far.example", "http://far.example:1"]) {
      tellExposure(io, access, { urls: [url], source: "a test" });
    }
    expect(said().stderr).toBe(
      "Note: the token goes to http://far.example:1 without TLS; who listens on the way has it.\n",
    );
  });

  test("that is refused is said with what to do", async () => {
    const body = {
      ...{ type: "urn:mr-redis:error:unauthenticated", title: "Unauthenticated", status: 401 },
      ...{ detail: "This needs a token.", code: "unauthenticated", help: "Give a token." },
    };
    api.reply("GET /v2/instances", { status: 401, body });
    api.reply("GET /v2/version", { status: 401, body });
    const said = { exitCode: 6, stderr: "Error: This needs a token.\n       Give a token.\n" };
    expect(await run("list")).toMatchObject(said);
    expect(await run(`init ${api.url}`)).toMatchObject(said);
  });

  test("is not handed to the programs of mrr up", () => {
    const env = { MRR_TOKEN: tokenOf("a"), PATH: "/bin" };
    expect(childEnvironment(env, "scheduler")).toEqual({ PATH: "/bin" });
  });
});

describe("mrr token", () => {
  test("keeps the token in a file of its own and prints the line with its hash", async () => {
    const result = await run("token -n alice --role operate --out alice.token");
    const token = (await readFile(place("alice.token"), "utf8")).trim();
    const sha256 = createHash("sha256").update(token).digest("hex");
    expect(parseTokenFile(result.stdout)).toEqual({
      ok: true,
      value: [{ name: "alice", role: "operate", sha256 }],
    });
    expect((await stat(place("alice.token"))).mode & 0o777).toBe(0o600);
    expect(result.stdout + result.stderr).not.toContain(token);
    expect(api.seen).toEqual([]);
    const again = await run("token -n alice --out alice.token");
    expect([again.exitCode, again.stderr]).toEqual([2, expect.stringContaining("it exists")]);
    expect((await run("list --token-file alice.token")).exitCode).toBe(0);
    expect(api.seen.at(-1)?.authorization).toBe(`Bearer ${token}`);
  });

  test.each([
    ["token -n a", "A token needs an owner and a file"],
    ["token -n a --role root --out x", "The role must be read, operate, admin, not root"],
    ["token -n a:b --out x", "The name must be 1 to 64 letters"],
    ["token -n a --out no/where", "Unable to create no/where: ENOENT"],
  ])("%s is refused", async (words, text) => {
    const result = await run(words);
    expect([result.exitCode, result.stdout, result.stderr]).toEqual([
      2,
      "",
      expect.stringContaining(text),
    ]);
  });
});

describe("https", () => {
  let authority: Authority;
  let server: Server;
  let url: string;
  beforeEach(async () => {
    authority = new Authority();
    const identity = authority.certificate("IP:127.0.0.1");
    server = createServer(identity, (_request, response) => {
      response.end(JSON.stringify({ instances: [], next: null, stateAgeMs: 0, version: "1" }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    authority.remove();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  test("trusts who the CA file names, by flag, variable or init, and nobody else", async () => {
    await mkdir(place("home"), { recursive: true });
    const bare = { MRR_ENDPOINT: "" };
    expect((await run(`list -e ${url} --ca-file ${authority.caFile}`)).exitCode).toBe(0);
    expect((await run(`list -e ${url}`, { MRR_CA_FILE: authority.caFile })).exitCode).toBe(0);
    expect((await run(`init ${url} --ca-file ${authority.caFile}`, bare)).exitCode).toBe(0);
    expect((await run("list", bare)).exitCode).toBe(0);
    const refused = await run(`list -e ${url}`);
    expect([refused.exitCode, refused.stderr]).toEqual([
      5,
      expect.stringContaining("--ca-file names who vouches for it"),
    ]);
  });
});
