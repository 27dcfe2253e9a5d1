/**
 * Owns the look for the leading master in ZooKeeper, over as many connections and sessions as it takes.
 * Not: which node is the leader's (leader-node.ts), nor what follows (the scheduler session). Called through
 * the port LeaderDetector.
 *
 * Whatever happens is only a reason to read again: a connection, a watch, and now and then nothing at all. One
 * reading at a time; what happens meanwhile leads to one more. The C client could keep its session over a lost
 * connection, but it looks for a server only every third of the session's time, and at times takes as long for the
 * first connection; nothing here needs the session, so that a client without a connection is replaced.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Clock, problemsText, type Timer } from "@mr-redis/core";
import type { LeaderDetector, LeaderSighting, LeaderWatch } from "./leader-detector.js";
import { leaderNode, parseLeader } from "./leader-node.js";
import type { ZookeeperAddress } from "./zookeeper-address.js";
import {
  type ZookeeperClient,
  type ZookeeperConstructor,
  zookeeperCode,
} from "./zookeeper-native.js";

/** Asked for: masters use the same. A frozen server is noticed after two thirds of it. */
export const sessionMsDefault = 10_000;

/** Time for a client to connect, first and at most: a server that is there is met soon, a slow one at last. */
export const dialMs = { first: 500, factor: 1.6, max: 10_000 } as const;

/** Longest time of the first reading: after it something is known, and the client itself notices silence. */
const readMsMax = 10_000;

/** Pause before a reading that failed is repeated, and before a client follows one that ended. */
export const retryMs = 1000;

/** Pause before a reading that was overtaken by a change is repeated, should no watch tell of it. */
const overtakenMs = 100;

/** Pause after which is read again though nothing was told: a watch that got lost costs no more than this. */
export const rereadMs = 30_000;

/** An idle server answers within this; ending the session at another one would block the process. */
const probeMs = 300;

/** What a detector is made of. */
export interface ZookeeperDetectorOptions {
  readonly address: ZookeeperAddress;
  readonly clock: Clock;
  readonly Native: ZookeeperConstructor;
  /** Default: {@link sessionMsDefault}. */
  readonly sessionMs?: number;
}

/** A detector; it connects with each watch. */
export function createZookeeperDetector(options: ZookeeperDetectorOptions): LeaderDetector {
  return {
    name: options.address.text,
    watch: (listener) => new Watch(options, listener),
  };
}

class Watch implements LeaderWatch {
  readonly #options: ZookeeperDetectorOptions;
  readonly #listener: (sighting: LeaderSighting) => void;
  #client: ZookeeperClient | null = null;
  #isConnected = false;
  #isReading = false;
  #isDirty = false;
  #dialMs: number = dialMs.first;
  #told = "";
  /** Of the next client, or the next reading. */
  #timer: Timer;
  #closing: Promise<void> | null = null;

  constructor(options: ZookeeperDetectorOptions, listener: (sighting: LeaderSighting) => void) {
    this.#options = options;
    this.#listener = listener;
    // Not within this call: what the client tells may come from inside of it.
    this.#timer = options.clock.after(0, () => this.#dial());
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    this.#timer.cancel();
    const client = this.#client;
    this.#client = null;
    if (client !== null) await discard(client, this.#isConnected, this.#options.clock);
  }

  #dial(): void {
    const { Native, address, sessionMs } = this.#options;
    const client = new Native({
      connect: address.servers,
      timeout: sessionMs ?? sessionMsDefault,
      debug_level: 0,
      response_counter_limit: 10_000,
    });
    this.#client = client;
    const on = (events: readonly string[], react: () => void): void => {
      for (const event of events) {
        client.on(event, () => {
          if (client === this.#client) react();
        });
      }
    };
    on(["connect"], () => this.#connected());
    on(["connecting"], () => {
      if (!this.#isConnected) return;
      this.#isConnected = false;
      this.#replace("no server answers", retryMs);
    });
    on(["close"], () => this.#replace("the session with ZooKeeper has ended", retryMs));
    on(["child", "created", "changed", "deleted"], () => this.#read());
    client.init({});
    const isResolved = client.timeout !== -1;
    if (isResolved && address.secret !== null) {
      client.add_auth("digest", address.secret, () => {});
    }
    const because = isResolved ? "no server answers" : "the names of its servers are not known";
    this.#setTimer(this.#dialMs, () => this.#replace(because, 0));
    this.#dialMs = Math.min(this.#dialMs * dialMs.factor, dialMs.max);
  }

  #connected(): void {
    this.#isConnected = true;
    this.#dialMs = dialMs.first;
    this.#setTimer(readMsMax, () => this.#replace("no server answers", retryMs));
    this.#read();
  }

  #replace(because: string, pauseMs: number): void {
    const client = this.#client;
    const isConnected = this.#isConnected;
    this.#client = null;
    this.#isConnected = false;
    this.#isReading = false;
    this.#isDirty = false;
    this.#tell({ type: "unknown", because: `${this.#options.address.text}: ${because}` });
    if (client !== null) void discard(client, isConnected, this.#options.clock);
    this.#setTimer(pauseMs, () => this.#dial());
  }

  #read(): void {
    const client = this.#client;
    if (client === null || !this.#isConnected) return;
    this.#isDirty = this.#isReading;
    if (this.#isReading) return;
    this.#isReading = true;
    void readLeader(client, this.#options.address.path).then((reading) => {
      if (client !== this.#client) return;
      this.#isReading = false;
      if (this.#isConnected) this.#conclude(reading);
    });
  }

  #conclude(reading: Reading): void {
    if (this.#isDirty) {
      this.#read();
      return;
    }
    this.#setTimer(pauseMs[reading.type], () => this.#read());
    if (reading.type === "overtaken") return;
    if (reading.type === "leader") {
      this.#tell(reading);
      return;
    }
    const type = reading.type === "none" ? "none" : "unknown";
    this.#tell({ type, because: `${this.#options.address.text}: ${reading.because}` });
  }

  #tell(sighting: LeaderSighting): void {
    const text = JSON.stringify(sighting);
    if (text === this.#told) return;
    this.#told = text;
    this.#listener(sighting);
  }

  #setTimer(delayMs: number, callback: () => void): void {
    this.#timer.cancel();
    this.#timer = this.#options.clock.after(delayMs, callback);
  }
}

type Reading =
  | (LeaderSighting & { readonly type: "leader" | "none" })
  | { readonly type: "failed"; readonly because: string }
  /** Masters came or went in between. */
  | { readonly type: "overtaken" };

/** Until the next reading. */
const pauseMs: Readonly<Record<Reading["type"], number>> = {
  leader: rereadMs,
  none: rereadMs,
  failed: retryMs,
  overtaken: overtakenMs,
};

/** Looks once, and leaves a watch on what would change the answer. */
async function readLeader(client: ZookeeperClient, path: string): Promise<Reading> {
  const children = await childrenOf(client, path);
  if (children.code === zookeeperCode.noNode) {
    const code = await existsOf(client, path);
    if (code === zookeeperCode.ok) return { type: "overtaken" };
    if (code !== zookeeperCode.noNode) return failed("cannot be read", code);
    return { type: "none", because: "no master was ever there" };
  }
  if (children.code !== zookeeperCode.ok) return failed("cannot be read", children.code);
  const name = leaderNode(children.names);
  if (name === null) return { type: "none", because: "no master leads" };
  const node = await dataOf(client, `${path}/${name}`);
  if (node.code === zookeeperCode.noNode) return { type: "overtaken" };
  if (node.code !== zookeeperCode.ok) return failed(`${name} cannot be read`, node.code);
  const leader = parseLeader(node.data);
  if (leader.ok) return { type: "leader", leader: leader.value };
  return { type: "failed", because: `${name} ${problemsText(leader.problems).trim()}` };
}

function failed(what: string, code: number): Reading {
  const isRefused = code === zookeeperCode.noAuth || code === zookeeperCode.authFailed;
  const why = isRefused ? "user and password are missing or wrong" : `ZooKeeper says ${code}`;
  return { type: "failed", because: `${what}: ${why}` };
}

const childrenOf = (client: ZookeeperClient, path: string) =>
  new Promise<{ code: number; names: readonly string[] }>((resolve) => {
    const rc = client.a_get_children(path, true, (code, _, names) =>
      resolve({ code, names: names ?? [] }),
    );
    if (rc !== zookeeperCode.ok) resolve({ code: rc, names: [] });
  });

const existsOf = (client: ZookeeperClient, path: string) =>
  new Promise<number>((resolve) => {
    const rc = client.a_exists(path, true, (code) => resolve(code));
    if (rc !== zookeeperCode.ok) resolve(rc);
  });

const dataOf = (client: ZookeeperClient, path: string) =>
  new Promise<{ code: number; data: Uint8Array }>((resolve) => {
    const none = new Uint8Array();
    const rc = client.a_get(path, false, (code, _, __, data) =>
      resolve({ code, data: data ?? none }),
    );
    if (rc !== zookeeperCode.ok) resolve({ code: rc, data: none });
  });

/** Ends a client outside of its own calls. A frozen server would block the process: then it ends when nobody waits. */
function discard(client: ZookeeperClient, isConnected: boolean, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    let isEnded = false;
    const end = () => {
      timer?.cancel();
      if (isEnded) return;
      isEnded = true;
      setImmediate(() => {
        client.close();
        resolve();
      });
    };
    const timer = isConnected ? clock.after(probeMs, resolve) : null;
    if (!isConnected) {
      end();
      return;
    }
    // At the latest the client itself finds that nobody answers, and lets go.
    client.on("connecting", end);
    if (client.a_exists("/", false, end) !== zookeeperCode.ok) end();
  });
}
