/**
 * Tests of bad input through the API: refused with a text that helps, and nothing else suffers.
 * SPDX-License-Identifier: Apache-2.0
 */
import { eventually, pause, type RunningUp, startUp } from "@mr-redis/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createRunning, type V1Instance } from "./look.js";
import { postHead, RawConnection } from "./raw-http.js";

let up: RunningUp;

beforeAll(async () => {
  up = await startUp();
});

afterAll(async () => {
  expect(await up.stop()).toEqual([]);
});

const listNames = async (): Promise<string[]> => {
  const { json } = await up.api("GET", "/v2/instances");
  return (json as { instances: { name: string }[] }).instances.map(({ name }) => name);
};

/** Path after /v1/CREATE/, and what the text must say about it. */
const badCreates: readonly (readonly [string, RegExp])[] = [
  ["a%3A%3Ab/100/1/0", /name/i],
  ["sp%20ace/100/1/0", /name/i],
  ["-dash/100/1/0", /name/i],
  [".dot/100/1/0", /name/i],
  [`${"x".repeat(64)}/100/1/0`, /name/i],
  ["%C3%A9/100/1/0", /name/i],
  ["..%2Fup/100/1/0", /name|found/i],
  ["a/abc/1/0", /memory/i],
  ["a/-5/1/0", /memory/i],
  ["a/0/1/0", /memory/i],
  ["a/1e3/1/0", /memory/i],
  ["a/99999999999999999999/1/0", /memory/i],
  ["a/100/0/0", /masters/i],
  ["a/100/2/0", /masters/i],
  ["a/100/x/0", /masters/i],
  ["a/100/1/-3", /slaves/i],
  ["a/100/1/1.5", /slaves/i],
  ["a/100/1/1000000", /slaves/i],
];

test.each(badCreates)("POST /v1/CREATE/%s is refused", async (path, says) => {
  const answer = await up.api("POST", `/v1/CREATE/${path}`, {});
  expect(answer.text).toMatch(says);
  expect(answer.text).not.toMatch(/\bat .*\.js:\d+/);
  expect(answer.status).toBe(path.includes("%2F") ? 404 : 400);
});

/** Bodies of POST /v2/instances with the paths that must be named. */
const badBodies: readonly (readonly [unknown, readonly string[]])[] = [
  [{}, ["name"]],
  [
    { name: "a::b", memory: -1, slaves: "x", distribution: 0 },
    ["name", "memory", "slaves", "distribution"],
  ],
  [{ name: 5, memory: 100 }, ["name"]],
  [{ name: "a", memory: 100, masters: 3 }, ["masters"]],
  [{ name: "a", memory: 100, distribution: 1.5 }, ["distribution"]],
  [{ name: "a", memory: 100, config: { dir: "/etc" } }, ["dir"]],
  [{ name: "a", memory: 100, config: { "maxmemory-policy": "everything" } }, ["maxmemory-policy"]],
  [{ name: "a", memory: 100, config: { timeout: "-1\nport 1" } }, ["timeout"]],
  ["[]", []],
  ["null", []],
  ['{"name":', []],
];

test.each(badBodies)("POST /v2/instances %j is refused", async (body, paths) => {
  const answer = await up.api("POST", "/v2/instances", body);
  expect(answer.status).toBe(400);
  expect(answer.headers.get("content-type")).toContain("application/problem+json");
  const problem = answer.json as { code: string; detail: string; help: string };
  expect(problem).toMatchObject({ code: "invalid-request", status: 400 });
  for (const path of paths) expect(answer.text).toContain(path);
});

test("nothing of what was refused exists", async () => {
  expect(await listNames()).toEqual([]);
});

describe("a name that exists", () => {
  test("the ancestor's answer on /v1, 409 on /v2", async () => {
    await createRunning(up, { name: "twice" });
    const v1 = await up.api("POST", "/v1/CREATE/twice/100/1/0", {});
    expect([v1.status, v1.text]).toEqual([200, "Instance twice already exist, cannot be created"]);
    const v2 = await up.api("POST", "/v2/instances", { name: "twice", memory: 100, slaves: 0 });
    expect(v2.status).toBe(409);
    expect(v2.json).toMatchObject({ code: "instance-exists" });
  });

  test("of simultaneous creates exactly one wins, on either API", async () => {
    const calls = Array.from({ length: 10 }, (_, index) =>
      index % 2 === 0
        ? up.api("POST", "/v1/CREATE/race/100/1/0", {})
        : up.api("POST", "/v2/instances", { name: "race", memory: 100, slaves: 0 }),
    );
    const codes = (await Promise.all(calls)).map((answer) => answer.status);
    expect(codes.filter((code) => code === 201)).toHaveLength(1);
    expect(codes.filter((code) => code !== 201).sort()).toEqual([
      ...Array.from({ length: codes.filter((code) => code === 200).length }, () => 200),
      ...Array.from({ length: codes.filter((code) => code === 409).length }, () => 409),
    ]);
    await eventually(() => expect(up.redisServers()).toHaveLength(2));
  });

  test("deleted: its name can be used again, with the ancestor's answers", async () => {
    const gone = await up.api("DELETE", "/v1/DELETE/nothing");
    expect([gone.status, gone.text]).toEqual([
      401,
      "Instance nothing does not exist, cannot be deleted",
    ]);
    const deleted = await up.api("DELETE", "/v1/DELETE/twice");
    expect([deleted.status, deleted.text]).toEqual([200, "Request Placed for destroying"]);
    await eventually(async () => {
      const again = await up.api("DELETE", "/v1/DELETE/twice");
      expect([again.status, again.text]).toEqual([401, "Instance twice is already deleted"]);
    });
    const again = await up.api("POST", "/v1/CREATE/twice/100/1/1", {});
    expect(again.status).toBe(201);
    await eventually(async () => {
      const shown = (await up.api("GET", "/v1/STATUS/twice")).json as V1Instance;
      expect([shown.Status, shown.Type]).toEqual(["RUNNING", "MS"]);
    });
  });
});

describe("clients that misbehave", () => {
  test("a body of 10 MB is refused while others are served", async () => {
    const path = "/v1/CREATE/huge/100/1/0";
    const answer = await up.api("POST", path, `{"x":"${"y".repeat(10 * 1024 * 1024)}"}`);
    expect(answer.status).toBe(413);

    // Announced only: refused without waiting for it.
    const raw = new RawConnection(up.place.httpPort);
    raw.send(postHead(path, 10 * 1024 * 1024));
    expect(await raw.status()).toBe(413);
    raw.close();
    expect(await listNames()).not.toContain("huge");
  });

  test("half requests and slow clients are cut off, and nobody else waits for them", async () => {
    const { httpPort } = up.place;
    const halves = Array.from({ length: 50 }, () => new RawConnection(httpPort));
    for (const half of halves) half.send("POST /v1/CREATE/half/100/1/0 HTTP/1.1\r\nHost: x");
    const slow = new RawConnection(httpPort);
    slow.send(postHead("/v1/CREATE/slow/100/1/0", 1_000));
    const garbage = new RawConnection(httpPort);
    garbage.send("\x16\x03\x01\x02\x00 this is no HTTP\r\n\r\n");
    expect(await garbage.status()).toBe(400);

    let slowestMs = 0;
    await eventually(
      async () => {
        slow.send(" ");
        const startMs = performance.now();
        expect((await up.api("GET", "/v1/STATUS")).status).toBe(200);
        slowestMs = Math.max(slowestMs, performance.now() - startMs);
        await pause(100);
        expect([halves.filter((half) => !half.isClosed).length, slow.isClosed]).toEqual([0, true]);
      },
      { deadlineMs: 40_000, what: "all of them are cut off" },
    );
    expect(slowestMs).toBeLessThan(1_000);
    expect(await listNames()).not.toContain("half");
    expect(await listNames()).not.toContain("slow");
  });

  test("unknown paths and wrong methods are 404 or 405, never a defect", async () => {
    for (const [method, path] of [
      ["GET", "/nothing"],
      ["GET", "/v1/CREATE/a/100/1/0"],
      ["POST", "/v1/DELETE/a"],
      ["GET", "/v1/status"],
      ["PATCH", "/v2/instances"],
      ["GET", "/v2/instances/unknown"],
      ["GET", "/%"],
    ] as const) {
      const answer = await up.api(method, path);
      expect([400, 404, 405], `${method} ${path}`).toContain(answer.status);
    }
    const unknown = await up.api("GET", "/v1/STATUS/unknown");
    expect([unknown.status, unknown.text]).toEqual([501, "Instance unknown does not exist, error"]);
  });
});
