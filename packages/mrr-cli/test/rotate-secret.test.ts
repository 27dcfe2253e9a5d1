/** Tests of `mrr rotate-secret`, and of users in `mrr connection` and `mrr create`. SPDX-License-Identifier: Apache-2.0 */
import { errorTable } from "@mr-redis/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type FakeApi, problem, startFakeApi } from "./fake-api.js";
import { runCli, useDirectory } from "./run-cli.js";

const directory = useDirectory();
let api: FakeApi;

beforeEach(async () => {
  api = await startFakeApi();
});
afterEach(() => api.close());

const world = () => ({ directory: directory(), env: { MRR_ENDPOINT: api.url } });
const path = "POST /v2/instances/inst/rotate-secret";

test("asks with the grace that was named, and says until when the old ones are good", async () => {
  const previousUntil = "2026-01-02T03:04:05.000Z";
  api.reply(path, { body: { rotatedAt: previousUntil, previousUntil, pending: ["inst::a"] } });
  const { exitCode, stdout } = await runCli(world(), "rotate-secret -n inst --grace 60");
  expect([exitCode, stdout]).toEqual([
    0,
    [
      "The users of inst have new passwords: see `mrr connection -n inst`",
      `The old ones are accepted until ${previousUntil}`,
      "Not heard of yet = inst::a",
      "",
    ].join("\n"),
  ]);
  expect(api.seen.map(({ body }) => body)).toEqual([{ graceSeconds: 60 }]);
});

test("without a grace the scheduler chooses; JSON is the API's own", async () => {
  const body = { rotatedAt: "t", previousUntil: null, pending: [] };
  api.reply(path, { body });
  const { stdout } = await runCli(world(), "rotate-secret -n inst -o json");
  expect(JSON.parse(stdout)).toEqual(body);
  expect(api.seen.map((each) => each.body)).toEqual([{}]);
});

test("what is refused is said; a grace that is none is not sent", async () => {
  api.reply(path, { status: 409, body: problem("rotation-refused", 409, "created without Auth") });
  const refused = await runCli(world(), "rotate-secret -n inst");
  expect(refused.exitCode).toBe(errorTable["rotation-refused"].exitCode);
  expect(refused.stderr).toContain("created without Auth");
  const before = api.seen.length;
  for (const grace of ["-1", "604801", "x"]) {
    const { exitCode } = await runCli(world(), `rotate-secret -n inst --grace=${grace}`);
    expect(exitCode).not.toBe(0);
  }
  expect(api.seen.length).toBe(before);
});

test("mrr connection shows users and passwords, and whose time is running out", async () => {
  api.reply("GET /v2/instances/inst/connection", {
    body: {
      name: "inst",
      writer: "ready",
      user: "app",
      password: "p1",
      readOnly: { user: "app-readonly", password: "p2" },
      previousUntil: "2026-01-02T03:04:05.000Z",
    },
  });
  const { stdout } = await runCli(world(), "connection -n inst");
  expect(stdout).toContain(
    [
      "User = app",
      "Password = p1",
      "Read user = app-readonly",
      "Read password = p2",
      "Passwords of before = accepted until 2026-01-02T03:04:05.000Z",
    ].join("\n"),
  );
});

test("mrr create --auth --tls asks for both", async () => {
  api.reply("POST /v2/instances", { status: 201, body: { name: "inst", status: "CREATING" } });
  await runCli(world(), "create -n inst --auth --tls");
  expect(api.seen.map(({ body }) => body)).toEqual([
    { name: "inst", memory: 100, slaves: 0, auth: true, tls: true },
  ]);
});
