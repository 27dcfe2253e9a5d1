/**
 * Tests of several schedulers: a standby that redirects, endpoints that are tried in turn, a state that is old.
 * SPDX-License-Identifier: Apache-2.0
 */
import { errorTable } from "@mr-redis/core";
import { freePort } from "@mr-redis/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { creatingJson, type FakeApi, instanceJson, problem, startFakeApi } from "./fake-api.js";
import { fastClock, runCli, useDirectory, type World } from "./run-cli.js";

const directory = useDirectory();
let api: FakeApi;
let other: FakeApi;

beforeEach(async () => {
  api = await startFakeApi();
  other = await startFakeApi();
});
afterEach(async () => {
  await api.close();
  await other.close();
});

const run = (words: string, endpoint = api.url, changes: Partial<World> = {}) =>
  runCli({ directory: directory(), env: { MRR_ENDPOINT: endpoint }, ...changes }, words);

/** A port on which nobody listens. */
const nowhere = async (): Promise<string> => `http://127.0.0.1:${await freePort()}`;

const redirect = (target: string, status = 307) => ({ status, headers: { location: target } });

const one = "/v2/instances/inst";

describe("a standby that redirects", () => {
  test.each([307, 308])("%i: method and body go along", async (status) => {
    other.reply("POST /v2/instances", { status: 201, body: instanceJson() });
    api.reply("POST /v2/instances", redirect(`${other.url}/v2/instances`, status));
    expect((await run("create -n inst")).exitCode).toBe(0);
    expect(other.seen).toEqual([
      { method: "POST", path: "/v2/instances", body: { name: "inst", memory: 100, slaves: 0 } },
    ]);
  });

  test.each([
    ["status -n inst", "GET /v2/instances/inst", instanceJson()],
    ["list", "GET /v2/instances", { instances: [instanceJson()], next: null }],
    ["delete -n inst", "DELETE /v2/instances/inst", instanceJson({ status: "DELETING" })],
  ])("mrr %s: the output is the leader's, as text and as JSON", async (words, route, body) => {
    other.reply(route, { body });
    const [, path = ""] = route.split(" ");
    api.reply(route, redirect(other.url + path));
    for (const format of ["text", "json"]) {
      const direct = await run(`${words} -o ${format}`, other.url);
      expect(await run(`${words} -o ${format}`)).toEqual(direct);
      expect(direct).toMatchObject({ exitCode: 0, stderr: "" });
    }
  });

  test("a wait polls the leader, also one that changes meanwhile", async () => {
    api.reply("POST /v2/instances", redirect(`${other.url}/v2/instances`));
    other.reply("POST /v2/instances", { status: 201, body: creatingJson() });
    api.reply(`GET ${one}`, redirect(`${other.url}${one}?wait=3&until=RUNNING`), {
      body: instanceJson(),
    });
    other.reply(`GET ${one}`, { body: creatingJson() });
    const result = await run("create -n inst -w");
    expect([result.exitCode, result.stderr]).toEqual([0, ""]);
    expect(result.stdout).toMatch(/\nInstance Created\.\n$/);
    expect(other.seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "POST /v2/instances",
      `GET ${one}?wait=3&until=RUNNING`,
    ]);
  });

  test.each([
    ["in a circle", one, "redirects in a circle"],
    [
      "to another protocol",
      "file:///etc/passwd",
      'redirects to "file:///etc/passwd", not followed',
    ],
    ["to no address", "http://", 'redirects to "http://", not followed'],
  ])("%s: refused", async (_what, location, text) => {
    api.reply(`GET ${one}`, redirect(location));
    const { exitCode, stderr } = await run("status -n inst");
    expect([exitCode, stderr]).toEqual([5, expect.stringContaining(text)]);
    expect(api.seen.length).toBeLessThanOrEqual(4);
  });

  test("to a leader that is gone: both are named", async () => {
    const gone = await nowhere();
    api.reply(`DELETE ${one}`, redirect(gone + one));
    expect(await run("delete -n inst")).toEqual({
      exitCode: 5,
      stdout: "",
      stderr:
        `Error: ${gone}, to which ${api.url} (from MRR_ENDPOINT) redirects, does not answer: ` +
        `the connection is refused\n       ${errorTable["unreachable-endpoint"].help}\n`,
    });
  });

  test("to a leader that is gone, while there is a wait: it goes on", async () => {
    api.reply("POST /v2/instances", { status: 201, body: creatingJson() });
    api.reply(`GET ${one}`, redirect((await nowhere()) + one), { body: instanceJson() });
    const result = await run("create -n inst -w", api.url, { clock: fastClock(10) });
    expect(result.exitCode).toBe(0);
  });
});

describe("several endpoints", () => {
  test("the next one is asked when one cannot be reached", async () => {
    other.reply(`GET ${one}`, { body: instanceJson() });
    other.reply("POST /v2/instances", { status: 201, body: instanceJson() });
    other.reply(`DELETE ${one}`, { body: instanceJson({ status: "DELETING" }) });
    const endpoint = `${await nowhere()},${other.url}`;
    for (const words of ["status -n inst", "create -n inst", "delete -n inst"]) {
      expect(await run(words, endpoint)).toMatchObject({ exitCode: 0, stderr: "" });
    }
    const flag = await run(`status -n inst -e ${endpoint}`, api.url);
    expect(flag.exitCode).toBe(0);
    expect(api.seen).toEqual([]);
  });

  test("who has answered is asked first the next time", async () => {
    other.reply("POST /v2/instances", { status: 201, body: creatingJson() });
    other.reply(`GET ${one}`, { body: instanceJson() });
    const starting = problem("not-ready", 503, "no leader yet");
    api.reply("POST /v2/instances", { status: 503, body: starting });
    const result = await run("create -n inst -w", `${api.url},${other.url}`);
    expect(result.exitCode).toBe(0);
    expect(api.seen.map(({ method }) => method)).toEqual(["POST"]);
  });

  test("a GET goes on after a cut connection; what changes something does not", async () => {
    for (const route of [`GET ${one}`, `DELETE ${one}`, "POST /v2/instances"]) {
      api.reply(route, { cut: true });
      other.reply(route, { body: instanceJson() });
    }
    const endpoint = `${api.url},${other.url}`;
    expect((await run("status -n inst", endpoint)).exitCode).toBe(0);
    for (const words of ["delete -n inst", "create -n inst"]) {
      const { exitCode, stderr } = await run(words, endpoint);
      expect([exitCode, stderr]).toEqual([
        5,
        expect.stringContaining("what was asked may have been done, so look at the status"),
      ]);
    }
    expect(other.seen.map(({ method }) => method)).toEqual(["GET"]);
  });

  test("a redirect to a leader that is gone: the next one may know another", async () => {
    api.reply("POST /v2/instances", redirect(`${await nowhere()}/v2/instances`));
    other.reply("POST /v2/instances", { status: 201, body: instanceJson() });
    expect((await run("create -n inst", `${api.url},${other.url}`)).exitCode).toBe(0);
  });

  test("a refusal is an answer", async () => {
    const body = problem("instance-exists", 409, "Instance inst exists already.");
    api.reply("POST /v2/instances", { status: 409, body });
    expect((await run("create -n inst", `${api.url},${other.url}`)).exitCode).toBe(4);
    expect(other.seen).toEqual([]);
  });

  test("nobody answers: all are named with their reasons, as JSON too", async () => {
    const [a, b] = [await nowhere(), await nowhere()];
    const text =
      `no endpoint (from MRR_ENDPOINT) answers: ${a} does not answer: the connection is refused; ` +
      `${b} does not answer: the connection is refused`;
    const { exitCode, stderr } = await run("list", `${a},${b}`);
    expect([exitCode, stderr.split("\n")[0]]).toEqual([5, `Error: ${text}`]);
    const json = await run("list -o json", `${a},${b}`);
    expect(JSON.parse(json.stderr)).toMatchObject({ code: "unreachable-endpoint", detail: text });
  });

  test("one that has no leader and one that is gone: the reason of the first", async () => {
    const body = problem("not-ready", 503, "no leader yet");
    api.reply("GET /v2/instances", { status: 503, body });
    const { exitCode, stderr } = await run("list", `${api.url},${await nowhere()}`);
    expect([exitCode, stderr.split("\n")[0]]).toEqual([5, "Error: no leader yet"]);
  });
});

describe("the age of what is shown", () => {
  const note = "Note: the store is away; this is what was known 75 s ago.\n";
  const aged = (body: unknown, ageMs: number) => ({
    body,
    headers: { "Mr-Redis-State-Age-Ms": String(ageMs) },
  });
  const list = { instances: [instanceJson()], next: null };

  test.each([
    ["status -n inst", `GET ${one}`, instanceJson()],
    ["status -n inst -o json", `GET ${one}`, instanceJson()],
    ["list", "GET /v2/instances", list],
    ["list -o json", "GET /v2/instances", list],
  ])("mrr %s says it on stderr when the store is away", async (words, route, body) => {
    api.reply("GET /readyz", { status: 503, body: { ready: false, role: "none" } });
    api.reply(route, aged(body, 10));
    const fresh = await run(words);
    expect(fresh).toMatchObject({ exitCode: 0, stderr: "" });
    api.reply(route, aged(body, 75_123));
    expect(await run(words)).toEqual({ ...fresh, stderr: note });
  });

  test("not when the scheduler leads: it hears from its store at long intervals", async () => {
    api.reply("GET /readyz", { body: { ready: true, role: "leader" } });
    api.reply(`GET ${one}`, aged(instanceJson(), 75_000));
    expect(await run("status -n inst")).toMatchObject({ exitCode: 0, stderr: "" });
  });

  test("behind a redirect it is the answering scheduler that is asked", async () => {
    api.reply(`GET ${one}`, redirect(other.url + one));
    api.reply("GET /readyz", { body: { ready: true, role: "leader" } });
    other.reply(`GET ${one}`, aged(instanceJson(), 75_000));
    other.reply("GET /readyz", { status: 503, body: { ready: false, role: "none" } });
    expect((await run("status -n inst")).stderr).toBe(note);
  });

  test("a header that is none is no age", async () => {
    for (const age of ["", "soon", "-5", "1e9"]) {
      const headers = { "Mr-Redis-State-Age-Ms": age };
      api.reply(`GET ${one}`, { body: instanceJson(), headers });
      expect((await run("status -n inst")).stderr).toBe("");
    }
  });
});
