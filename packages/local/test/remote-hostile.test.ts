/**
 * Owns the checks of who knocks at a master's door for agents: strangers, web pages, broken frames. The master goes on.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "@mr-redis/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { encodeFrame } from "../src/remote/frames.js";
import { newNonce, proofOf } from "../src/remote/handshake.js";
import { type RunningMaster, startMaster } from "../src/remote/master.js";
import { request } from "./harness.js";

const secret = "a-secret-of-many-letters";
const nonce = newNonce();

let workDir = "";
let master: RunningMaster;
let logged: string[] = [];
beforeEach(async () => {
  workDir = mkdtempSync(join(tmpdir(), "mrr-hostile-"));
  logged = [];
  const log = (message: string, fields: object) =>
    logged.push(`${message} ${JSON.stringify(fields)}`);
  master = await startMaster({ workDir, port: 0, secret }, { log });
});
afterEach(async () => {
  // It serves on, whatever came.
  const answer = await request(`http://127.0.0.1:${master.port}/health`, { method: "GET" });
  expect(answer.status).toBe(200);
  await master.close();
  rmSync(workDir, { recursive: true, force: true });
});

/** A connection that keeps all it hears. */
interface Knock {
  readonly socket: Socket;
  heard(): string;
  readonly ended: Promise<void>;
}

function knock(headers: Readonly<Record<string, string>>, path = "/agent-link"): Knock {
  const socket = connect({ host: "127.0.0.1", port: master.port });
  let heard = "";
  socket.on("data", (chunk: Buffer) => {
    heard += chunk.toString("latin1");
  });
  socket.on("error", () => undefined);
  const ended = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const all = { Host: "127.0.0.1", Connection: "Upgrade", Upgrade: "mrr-agent-link/1", ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`);
  return { socket, ended, heard: () => heard };
}

test.each([
  ["no nonce", {}, "/agent-link", "400"],
  ["another path", { "X-Nonce": nonce }, "/other", "404"],
  ["another version", { "X-Nonce": nonce, Upgrade: "mrr-agent-link/2" }, "/agent-link", "426"],
  ["a web page", { "X-Nonce": nonce, Origin: "http://evil.example" }, "/agent-link", "403"],
])("%s is refused", async (_name, headers, path, status) => {
  const one = knock(headers as Record<string, string>, path);
  await one.ended;
  expect(one.heard()).toContain(`HTTP/1.1 ${status} `);
});

/** Knocks, and gives the nonce and the proof of the master. */
async function welcome(): Promise<Knock & { masterNonce: string }> {
  const one = knock({ "X-Nonce": nonce });
  await until(() => one.heard().includes("\r\n\r\n"), { what: "the answer" });
  const masterNonce = /X-Nonce: (\w+)/.exec(one.heard())?.[1] ?? "";
  const proof = /X-Proof: (\w+)/.exec(one.heard())?.[1];
  expect(proof).toBe(proofOf(secret, "master", nonce, masterNonce));
  return { ...one, masterNonce };
}

const rights = (masterNonce: string) => ({
  type: "proof",
  proof: proofOf(secret, "agent", nonce, masterNonce),
});

test.each([
  ["no proof but a registration", { type: "said", message: { type: "register" } }],
  ["a wrong proof", { type: "proof", proof: "0".repeat(64) }],
  ["the proof of the master, sent back", "echo"],
  ["a frame that is too long for a stranger", { type: "proof", proof: "x".repeat(2_000) }],
])("%s ends the connection", async (_name, frame) => {
  const one = await welcome();
  const echo = { type: "proof", proof: proofOf(secret, "master", nonce, one.masterNonce) };
  one.socket.write(encodeFrame(frame === "echo" ? echo : frame));
  await one.ended;
  expect(one.heard()).not.toContain('"ping"');
});

test.each([
  ["no frame at all", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
  ["an unknown frame", encodeFrame({ type: "what" })],
  ["a registration without fields", encodeFrame({ type: "said", message: { type: "register" } })],
  ["a registration with impossible resources", encodeFrame(registration({ value: -1 }))],
  ["a task larger than the agent", encodeFrame(registration({ value: 1 }, { value: 2 }))],
])("of an agent that is known, %s ends the link", async (_name, bytes) => {
  const one = await welcome();
  one.socket.write(encodeFrame(rights(one.masterNonce)));
  await until(() => one.heard().includes('"ping"'), { what: "the first ping" });
  one.socket.write(bytes);
  await one.ended;
  await until(() => logged.some((line) => line.includes("has ended")), { what: "the log" });
  expect(logged.join("\n")).not.toContain(secret);
});

function registration(has: { value: number }, uses?: { value: number }) {
  const cpus = (scalar: { value: number }) => [{ name: "cpus", type: "SCALAR", scalar }];
  const task = {
    frameworkId: "f",
    executorId: "e",
    state: "TASK_RUNNING",
    info: {
      name: "t",
      task_id: { value: "t" },
      agent_id: { value: "a" },
      resources: uses && cpus(uses),
    },
  };
  const message = {
    type: "register",
    info: { hostname: "h", resources: cpus(has) },
    endpoint: { ip: "127.0.0.1", port: 1 },
    tasks: uses === undefined ? [] : [task],
    executors: [],
    frameworks: [{ id: { value: "f" }, name: "f", user: "" }],
  };
  return { type: "said", message };
}
