/**
 * Owns a real ZooKeeper for tests: one server on a free loopback port, with its data in a temporary folder.
 * Not: what is stored. Called by tests of the store driver and by whole-system tests.
 * SPDX-License-Identifier: Apache-2.0
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { access, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch, type Program } from "../launch.js";
import { freePort } from "../ports.js";
import { killProcess, signalProcess } from "../processes.js";
import { requireProgram } from "./etcd.js";

/** What to start. */
export interface ZookeeperOptions {
  /** Of the configuration and the data; default: a temporary one, removed by `stop`. */
  readonly directory?: string;
}

/** A running ZooKeeper. */
export interface ZookeeperServer {
  /** 127.0.0.1 and the port. */
  readonly endpoint: string;
  readonly port: number;
  /** Of the process that runs now; another one after a restart. */
  readonly pid: number;
  /** What it said, for the message of a failed test. */
  readonly log: string;
  /** SIGKILL; resolves when it has ended. */
  kill(): Promise<void>;
  /** Starts it again with its data on the same port; resolves when it serves. */
  start(): Promise<void>;
  /** SIGSTOP; all its threads have stopped when it returns. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

/** Shortest session that the server grants: two ticks. */
export const zookeeperSessionMsMin = 1000;

/** Longest wait until it serves: 0.3 s on an idle machine. */
const startMs = 60_000;

/** Limit of one four-letter word. */
const wordMs = 2_000;

/** Where Debian's libzookeeper-java and libslf4j-java put them. */
const jars = ["/usr/share/java/zookeeper.jar", "/usr/share/java/slf4j-simple.jar"] as const;

const packages = "openjdk-17-jre-headless libzookeeper-java libslf4j-java";

/** Not the short form of the command line: that one listens on all addresses. */
const configOf = (directory: string, port: number): string =>
  [
    "tickTime=500",
    `dataDir=${join(directory, "data")}`,
    `clientPort=${port}`,
    "clientPortAddress=127.0.0.1",
    "admin.enableServer=false",
    "maxClientCnxns=0",
    "4lw.commands.whitelist=srvr",
    `minSessionTimeout=${zookeeperSessionMsMin}`,
    "maxSessionTimeout=60000",
    "",
  ].join("\n");

/** One four-letter word, the whole answer. */
function ask(port: number, word: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1" });
    let answer = "";
    socket.setEncoding("utf8");
    socket.setTimeout(wordMs, () => socket.destroy(new Error(`no answer to ${word}`)));
    socket.once("connect", () => socket.write(word));
    socket.on("data", (chunk: string) => {
      answer += chunk;
    });
    socket.once("error", reject);
    socket.once("close", () => resolve(answer));
  });
}

/**
 * Starts the server, again and again, out of a process that has opened nothing: the sockets of ZooKeeper's C client are
 * inherited by what is started beside it, and closing them then has no effect.
 */
class Starter {
  readonly #shell: Program;
  readonly #fifo: string;
  #starts = 0;

  private constructor(shell: Program, fifo: string) {
    this.#shell = shell;
    this.#fifo = fifo;
  }

  /** The kernel ends the shell with the test, however that ends, and the server with the shell. */
  static async start(directory: string, command: readonly string[]): Promise<Starter> {
    const fifo = join(directory, "start");
    const script = `mkfifo "$1" && fifo=$1 && shift
      while read -r _ < "$fifo"; do setpriv --pdeathsig KILL "$@" & echo "started $!"; wait $!; done`;
    const shell = await launch({
      command: "setpriv",
      args: ["--pdeathsig", "KILL", "sh", "-c", script, "sh", fifo, ...command],
      env: { PATH: process.env.PATH },
    });
    const starter = new Starter(shell, fifo);
    await starter.waitFor(() => access(fifo), "the starter is there");
    return starter;
  }

  /** Of the server that was started last. */
  get pid(): number {
    const pids = [...this.#shell.stdout.matchAll(/^started (\d+)$/gm)];
    return Number(pids.at(-1)?.[1] ?? 0);
  }

  get log(): string {
    return this.#shell.log;
  }

  async run(): Promise<void> {
    this.#starts += 1;
    await writeFile(this.#fifo, "\n");
    const isStarted = () => {
      const count = this.#shell.stdout.match(/^started /gm)?.length ?? 0;
      if (count < this.#starts) throw new Error("not yet");
    };
    await this.waitFor(isStarted, "the server is started");
  }

  async waitFor(check: () => void | Promise<void>, what: string): Promise<void> {
    await this.#shell.waitFor(check, { what, deadlineMs: startMs });
  }

  async kill(): Promise<void> {
    if (this.pid > 0) await killProcess(this.pid);
  }

  async stop(): Promise<void> {
    await this.kill();
    await this.#shell.kill();
  }
}

/** True when every thread of the process has stopped: a signal reaches them one after the other. */
const isStopped = (pid: number): boolean =>
  readdirSync(`/proc/${pid}/task`).every((task) =>
    readFileSync(`/proc/${pid}/task/${task}/status`, "utf8").includes("State:\tT"),
  );

/** Starts a ZooKeeper and waits until it serves. Throws, saying so, when it is not installed. */
export async function startZookeeper(options: ZookeeperOptions = {}): Promise<ZookeeperServer> {
  requireProgram("java", packages);
  const missing = jars.find((jar) => !existsSync(jar));
  if (missing !== undefined) {
    throw new Error(
      `${missing} is not there; this test needs the real one: apt-get install ${packages}`,
    );
  }
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), "mrr-zookeeper-")));
  const port = await freePort();
  const configFile = join(directory, "zoo.cfg");
  const serves = async () => {
    // It says imok to `ruok` before it serves; only `srvr` tells.
    const answer = await ask(port, "srvr");
    if (!answer.includes("Mode:")) throw new Error(`not serving: ${answer.trim()}`);
  };
  const starter = await Starter.start(directory, [
    ...["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"],
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    ...["-cp", jars.join(":"), "org.apache.zookeeper.server.ZooKeeperServerMain", configFile],
  ]);
  const run = async (): Promise<void> => {
    await starter.run();
    await starter.waitFor(serves, "ZooKeeper serves").catch(async (error) => {
      await starter.kill();
      throw error;
    });
  };
  const stop = async () => {
    await starter.stop();
    if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
  };
  try {
    await mkdir(join(directory, "data"), { recursive: true });
    await writeFile(configFile, configOf(directory, port));
    await run();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    endpoint: `127.0.0.1:${port}`,
    port,
    get pid() {
      return starter.pid;
    },
    get log() {
      return starter.log;
    },
    kill: () => starter.kill(),
    start: run,
    freeze: () => {
      signalProcess(starter.pid, "SIGSTOP");
      while (!isStopped(starter.pid));
    },
    thaw: () => signalProcess(starter.pid, "SIGCONT"),
    stop,
  };
}
