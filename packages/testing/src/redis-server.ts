/**
 * Owns real redis-servers for tests that need one without the product around it.
 * Not: the product's own ones (found with processes.ts). Called by tests.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch, type Program } from "./launch.js";
import { freePort } from "./ports.js";

/** A running redis-server of a test. */
export interface RedisServer {
  readonly port: number;
  readonly pid: number;
  readonly program: Program;
  stop(): Promise<void>;
}

/** One inline command, its whole first answer; for looking from outside without a client library. */
export function redisCommand(port: number, command: string, deadlineMs = 2_000): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.setTimeout(deadlineMs, () => socket.destroy(new Error(`no answer to ${command}`)));
    socket.once("error", reject);
    socket.once("close", () =>
      reject(new Error(`no answer to ${command}, the connection was closed`)),
    );
    socket.once("connect", () => socket.write(`${command}\r\n`));
    socket.once("data", (data) => {
      socket.destroy();
      resolve(data.toString("utf8").trimEnd());
    });
  });
}

/** Starts a redis-server on a free port of 127.0.0.1, without persistence, and waits until it answers PING. */
export async function startRedisServer(
  options: { port?: number; config?: Readonly<Record<string, string>> } = {},
): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), "mrr-redis-"));
  const port = options.port ?? (await freePort());
  const settings: Record<string, string> = {
    port: String(port),
    bind: "127.0.0.1",
    save: '""',
    appendonly: "no",
    dir: directory,
    ...options.config,
  };
  // By standard input: passwords stay out of the command line.
  const lines = Object.entries(settings).map(([name, value]) => `${name} ${value}`);
  const program = await launch({
    command: "redis-server",
    args: ["-"],
    stdin: `${lines.join("\n")}\n`,
  });
  const stop = async (): Promise<void> => {
    await program.kill();
    await rm(directory, { recursive: true, force: true });
  };
  const ping = async (): Promise<void> => {
    const answer = await redisCommand(port, "PING");
    if (!answer.startsWith("+PONG") && !answer.startsWith("-NOAUTH")) throw new Error(answer);
  };
  await program.waitFor(ping, { what: `PONG on port ${port}` }).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return { port, pid: program.pid, program, stop };
}
