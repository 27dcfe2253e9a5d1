/**
 * Owns the tests of downloads: servers that redirect, break off, stall or never end. What archives and other kinds of
 * URIs give is in test/executors.test.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until, VirtualClock } from "@mr-redis/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FetchError, fetchAll, redirectionsMax, stallMsMax } from "./fetcher.js";

let directory = "";
let server: Server;
let url = "";
let answer: (request: IncomingMessage, response: ServerResponse) => void;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "mrr-fetch-"));
  server = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

const clock = new VirtualClock();
const bring = (signal: AbortSignal = new AbortController().signal): Promise<void> =>
  fetchAll([{ value: `${url}/file`, extract: false }], { directory, clock, signal });
const brought = (): string => readFileSync(join(directory, "file"), "utf8");

test("redirections are followed, relative ones too", async () => {
  answer = ({ url: path }, response) => {
    if (path === "/file") response.writeHead(302, { Location: "/other" }).end();
    else response.end("whole");
  };
  await bring();
  expect(brought()).toBe("whole");
});

test.each([
  ["a circle", "/file", `it is redirected more than ${redirectionsMax} times`],
  ["another protocol", "file:///etc/passwd", "it is redirected elsewhere"],
])("a redirection that is %s", async (_name, Location, text) => {
  answer = (_request, response) => response.writeHead(302, { Location }).end();
  await expect(bring()).rejects.toThrow(text);
});

test("what is compressed on the way is asked for plainly", async () => {
  let asked: string | undefined = "";
  answer = (request, response) => {
    asked = request.headers["accept-encoding"];
    response.end("plain");
  };
  await bring();
  expect(asked).toBeUndefined();
});

test.each([
  ["before its answer", (response: ServerResponse) => void response.destroy()],
  [
    "in the middle of its answer",
    (response: ServerResponse) => {
      response.writeHead(200, { "Content-Length": "10" }).write("half", () => response.destroy());
    },
  ],
])("a server that breaks off %s", async (_name, breakOff) => {
  answer = (_request, response) => breakOff(response);
  await expect(bring()).rejects.toThrow(FetchError);
});

test.each([
  ["nothing", () => undefined],
  ["a beginning", (response: ServerResponse) => void response.write("a beginning")],
])("a server that sends %s and no more has stalled", async (_name, begin) => {
  let isAsked = false;
  answer = (_request, response) => {
    begin(response);
    isAsked = true;
  };
  const outcome = bring().catch((error: unknown) => error);
  await until(() => isAsked, { what: "the request" });
  const done = outcome.then(() => true);
  // What was sent may arrive, and put the limit off, between two steps.
  await until(
    async () => {
      await clock.advanceBy(stallMsMax);
      return Promise.race([done, new Promise<boolean>((no) => setImmediate(no, false))]);
    },
    { what: "the end" },
  );
  expect(String(await outcome)).toContain("it stalled");
});

test("an end that is asked for is no failure of the server", async () => {
  let isAsked = false;
  answer = () => {
    isAsked = true;
  };
  const abort = new AbortController();
  const outcome = bring(abort.signal).catch((error: unknown) => error);
  await until(() => isAsked, { what: "the request" });
  abort.abort(new Error("destroyed"));
  expect(await outcome).toEqual(new Error("destroyed"));
});
