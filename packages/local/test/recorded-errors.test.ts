/**
 * Owns the comparison with the recorded answers of a real master and agent to malformed and refused calls: the same
 * bytes in must give the same status, headers and body out. What differs on purpose is listed with its reason.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestLocal, type TestLocal } from "./harness.js";

interface Case {
  readonly name: string;
  readonly request: string;
  readonly response: string;
}

/** Cases that are not compared, and why. */
const skipped: Readonly<Record<string, string>> = {
  "004-master-head": "Node writes no body to HEAD; the head is compared below",
  "062-agent-head": "Node writes no body to HEAD; the head is compared below",
  "043-master-pipelined": "ends with GET /version, whose build differs",
  "101-agent-pipelined": "ends with GET /version, whose build differs",
  "035-master-expect-100-head-only": "no answer at all: there is no body to wait for",
  "093-agent-expect-100-head-only": "no answer at all: there is no body to wait for",
};

const fixture = join(import.meta.dirname, "..", "fixtures", "errors.json");
const { cases }: { cases: readonly Case[] } = JSON.parse(readFileSync(fixture, "utf8"));

/** The recorded bytes; a made-up Host would be taken for a web page's (http/page-guard.ts). */
const bytesOf = (one: Case): Buffer =>
  Buffer.from(one.request.replace(/^Host: .*\r$/m, "Host: localhost\r"), "latin1");

/** Sends bytes, resolves to what came until `isComplete`, the end, or the deadline. */
function exchange(port: number, bytes: Buffer, isComplete: (text: string) => boolean) {
  return new Promise<string>((resolve) => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    const done = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(text);
    };
    const timer = setTimeout(done, 20_000);
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (isComplete(text)) done();
    });
    socket.on("close", done);
    socket.on("error", done);
  });
}

/** Status line, headers that matter (Date and ids differ always) and body, with the port of the recording. */
function parse(text: string) {
  if (text === "") return "closed without a byte";
  const [head = "", ...rest] = text.split("\r\n\r\n");
  const [statusLine, ...lines] = head.split("\r\n");
  const headers = Object.fromEntries(
    lines.map((line) => {
      const [name = "", value = ""] = line.split(": ");
      return [name.toLowerCase(), value];
    }),
  );
  delete headers.date;
  if (headers.location !== undefined) headers.location = headers.location.replace(/\d+$/, "PORT");
  const isStream = headers["mesos-stream-id"] !== undefined;
  if (isStream) headers["mesos-stream-id"] = "an id";
  return { statusLine, headers, body: isStream ? "a stream" : rest.join("\r\n\r\n") };
}

const isWhole = (text: string): boolean => {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const length = /content-length: (\d+)/i.exec(text)?.[1];
  return length === undefined || text.length >= end + 4 + Number(length);
};

describe("recorded answers", () => {
  let local: TestLocal;
  beforeAll(async () => {
    local = await startTestLocal();
  });
  afterAll(() => local.end());

  const portOf = (one: Case) =>
    one.name.includes("-agent-") ? (local.agents[0]?.port ?? 0) : local.port;

  test.each(cases.filter((one) => skipped[one.name] === undefined))("$name", async (one) => {
    const text = await exchange(portOf(one), bytesOf(one), isWhole);
    expect(parse(text)).toEqual(parse(one.response));
  });

  test.each(cases.filter((one) => one.name.endsWith("-head")))("$name, its head", async (one) => {
    const text = await exchange(portOf(one), bytesOf(one), (got) => got.includes("\r\n\r\n"));
    const recorded = parse(one.response);
    expect(parse(text)).toEqual(
      typeof recorded === "string" ? recorded : { ...recorded, body: "" },
    );
  });

  test("every skipped case exists", () => {
    const names = new Set(cases.map((one) => one.name));
    expect(Object.keys(skipped).filter((name) => !names.has(name))).toEqual([]);
  });
});
