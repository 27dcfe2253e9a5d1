/**
 * Owns a real etcd for tests: one member on free loopback ports, with its data in a temporary folder.
 * Not: what is stored. Called by tests of the store driver and by whole-system tests.
 * SPDX-License-Identifier: Apache-2.0
 */
import { accessSync, constants } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { launch, type Program } from "../launch.js";
import { freePorts } from "../ports.js";

/** Name and password of a user. */
export interface EtcdUser {
  readonly user: string;
  readonly password: string;
}

/** What to start. */
export interface EtcdOptions {
  /** Of the data; default: a temporary one, removed by `stop`. */
  readonly directory?: string;
  /** Turns authentication on; `root` gets the same password. The user may read and write all keys. */
  readonly auth?: EtcdUser;
  /** Files of the server's certificate; with `clientCa`, clients must show one of that authority. */
  readonly tls?: {
    readonly certificateFile: string;
    readonly keyFile: string;
    readonly clientCaFile?: string;
  };
  /** Bytes of data at which etcd takes no more (NOSPACE). */
  readonly quotaBytes?: number;
  /** Flags of etcd beside those. */
  readonly flags?: readonly string[];
}

/** A running etcd. */
export interface EtcdServer {
  /** `http://` or `https://`, 127.0.0.1 and the port. */
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
  /** SIGSTOP. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
  /** One call of etcd's JSON gateway (`/v3/kv/range`, ...), as root; rejects unless the answer is 200. */
  call(path: string, body: object): Promise<Record<string, unknown>>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

/** Longest wait until it serves: a restart takes a second on an idle machine. */
const startMs = 30_000;

/** Limit of one call of the gateway. */
const callMs = 5_000;

/** Throws, saying what to install, when `command` is not on the PATH: a missing server fails a suite. */
export function requireProgram(command: string, debianPackage: string): void {
  const folders = (process.env.PATH ?? "").split(delimiter);
  for (const folder of folders) {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return;
    } catch {
      // Not in this folder.
    }
  }
  throw new Error(
    `${command} is not installed; this test needs the real one: apt-get install ${debianPackage}`,
  );
}

interface Ports {
  readonly client: number;
  readonly peer: number;
  /** Without TLS, for `call`; the same as `client` when there is none. */
  readonly plain: number;
}

function argumentsOf(options: EtcdOptions, directory: string, ports: Ports): readonly string[] {
  const { tls } = options;
  const client = `${tls === undefined ? "http" : "https"}://127.0.0.1:${ports.client}`;
  const peer = `http://127.0.0.1:${ports.peer}`;
  const listen = tls === undefined ? client : `${client},http://127.0.0.1:${ports.plain}`;
  const args = ["--name", "n1", "--data-dir", join(directory, "data")];
  args.push("--listen-client-urls", listen, "--advertise-client-urls", client);
  args.push("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer);
  args.push("--initial-cluster", `n1=${peer}`, "--logger", "zap", "--log-outputs", "stderr");
  // A lease cannot be shorter than one and a half election timeouts: 2 s with the defaults, 1 s with these.
  args.push("--log-level", "warn", "--heartbeat-interval", "50", "--election-timeout", "500");
  if (tls !== undefined) args.push("--cert-file", tls.certificateFile, "--key-file", tls.keyFile);
  if (tls?.clientCaFile !== undefined) {
    args.push("--client-cert-auth", "--trusted-ca-file", tls.clientCaFile);
  }
  if (options.quotaBytes !== undefined) {
    args.push("--quota-backend-bytes", String(options.quotaBytes));
  }
  return [...args, ...(options.flags ?? [])];
}

/** Calls of the JSON gateway, with a token of root where authentication is on. */
class Gateway {
  readonly #url: string;
  #password: string | null = null;
  #token: string | null = null;

  constructor(port: number) {
    this.#url = `http://127.0.0.1:${port}`;
  }

  /** From now on calls are made as root. */
  useRoot(password: string): void {
    this.#password = password;
  }

  /** A restarted server knows no tokens. */
  forgetToken(): void {
    this.#token = null;
  }

  async call(path: string, body: object): Promise<Record<string, unknown>> {
    if (this.#password !== null && this.#token === null) {
      const login = { name: "root", password: this.#password };
      this.#token = String((await this.#post("/v3/auth/authenticate", login)).token);
    }
    return await this.#post(path, body);
  }

  async #post(path: string, body: object): Promise<Record<string, unknown>> {
    const answer = await fetch(`${this.#url}${path}`, {
      method: "POST",
      headers: this.#token === null ? {} : { authorization: this.#token },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(callMs),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`etcd answers ${answer.status} to ${path}: ${text}`);
    return JSON.parse(text);
  }
}

async function enableAuth(gateway: Gateway, auth: EtcdUser): Promise<void> {
  const names = new Set(["root", auth.user]);
  for (const name of names) {
    await gateway.call("/v3/auth/user/add", { name, password: auth.password });
    await gateway.call("/v3/auth/role/add", { name });
    await gateway.call("/v3/auth/user/grant", { user: name, role: name });
  }
  // All keys: from "\0", to the end.
  const everything = { permType: "READWRITE", key: "AA==", range_end: "AA==" };
  await gateway.call("/v3/auth/role/grant", { name: auth.user, perm: everything });
  await gateway.call("/v3/auth/enable", {});
  gateway.useRoot(auth.password);
}

/** Starts an etcd and waits until it serves. Throws, saying so, when etcd is not installed. */
export async function startEtcd(options: EtcdOptions = {}): Promise<EtcdServer> {
  requireProgram("etcd", "etcd-server");
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), "mrr-etcd-")));
  const [client = 0, peer = 0, third = 0] = await freePorts(3);
  const ports: Ports = { client, peer, plain: options.tls === undefined ? client : third };
  const gateway = new Gateway(ports.plain);
  const serves = async () => {
    const status = await gateway.call("/v3/maintenance/status", {});
    if (typeof status.leader !== "string") throw new Error("no leader");
  };
  const run = async (): Promise<Program> => {
    // The kernel ends etcd with the test, however that ends; etcd takes every ETCD_ variable for a flag.
    const program = await launch({
      command: "setpriv",
      args: ["--pdeathsig", "KILL", "etcd", ...argumentsOf(options, directory, ports)],
      env: { PATH: process.env.PATH },
    });
    gateway.forgetToken();
    await program.waitFor(serves, { what: "etcd serves", deadlineMs: startMs }).catch(async (e) => {
      await program.kill();
      throw e;
    });
    return program;
  };
  const removeData = async () => {
    if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
  };
  let program: Program;
  try {
    program = await run();
    if (options.auth !== undefined) await enableAuth(gateway, options.auth);
  } catch (error) {
    await removeData();
    throw error;
  }
  return {
    endpoint: `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${ports.client}`,
    port: ports.client,
    get pid() {
      return program.pid;
    },
    get log() {
      return program.log;
    },
    kill: async () => {
      await program.kill();
    },
    start: async () => {
      program = await run();
    },
    freeze: () => program.signal("SIGSTOP"),
    thaw: () => program.signal("SIGCONT"),
    call: (path, body) => gateway.call(path, body),
    stop: async () => {
      await program.kill();
      await removeData();
    },
  };
}
