/**
 * Owns connections that the kernel carries: finding them, and cutting them in both directions at once.
 * Not: which are to be cut (plane.ts). Source of the form of a line: conntrack -L, of conntrack-tools.
 *
 * A cut has two steps. First the kernel forgets the connection: from that moment on no byte passes in either direction,
 * and whoever sends gets a reset from this host, because a packet in the middle of a stream is led nowhere (rules.ts).
 * Then both ends are told, also those that only wait: a probe (a SYN with the addresses of the connection) makes an end
 * that still holds it send a bare ACK (RFC 5961, 4.2), and the reset that our kernel answers with fits exactly
 * (RFC 9293, 3.5.1: half-open connections). It needs no raw socket, and it works for clients on this and on other hosts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createConnection } from "node:net";
import type { Clock } from "@mr-redis/core";
import type { LeadTarget } from "./leads.js";
import { probesText } from "./rules.js";
import type { ToolRunner } from "./tools.js";

/** One connection through our rules. */
export interface Flow {
  /** The port of ours that the client speaks to. */
  readonly port: number;
  readonly client: LeadTarget;
  /** The address of ours that the client speaks to. */
  readonly asked: LeadTarget;
  readonly target: LeadTarget;
  /** What the target takes for the client. */
  readonly seen: LeadTarget;
  /**
   * opening: the target has not answered yet; forgotten, the client's next SYN finds the new target by itself.
   * over: both ends have forgotten it already, or soon will.
   */
  readonly stage: "opening" | "open" | "over";
}

/** A port of ours and a target that it led to. */
export interface Pair {
  readonly port: number;
  readonly target: LeadTarget;
}

/** Stages by state; what is not named is open, also where a flow table of others carries it and no state is shown. */
const stages: Readonly<Record<string, Flow["stage"]>> = {
  SYN_SENT: "opening",
  TIME_WAIT: "over",
  CLOSE: "over",
};

/** Reads lines of conntrack; what is no rewritten TCP connection is left out. */
export function parseFlows(text: string): Flow[] {
  const flows: Flow[] = [];
  for (const line of text.split("\n")) {
    const head = /^tcp\s+6\s+(?:\d+\s+)?(?:([A-Z_0-9]+)\s+)?src=/.exec(line);
    if (head === null) continue;
    const all = (key: string): string[] =>
      [...line.matchAll(new RegExp(`(?:^|\\s)${key}=(\\S+)`, "g"))].map((match) => match[1] ?? "");
    const [client = "", replier = ""] = all("src");
    const [asked = "", replied = ""] = all("dst");
    const [clientPort, replierPort] = all("sport").map(Number);
    const [askedPort, repliedPort] = all("dport").map(Number);
    if (!clientPort || !replierPort || !askedPort || !repliedPort) continue;
    if (asked === replier && askedPort === replierPort) continue;
    flows.push({
      port: askedPort,
      client: { ip: client, port: clientPort },
      asked: { ip: asked, port: askedPort },
      target: { ip: replier, port: replierPort },
      seen: { ip: replied, port: repliedPort },
      stage: stages[head[1] ?? ""] ?? "open",
    });
  }
  return flows;
}

/** All connections whose destination was rewritten, ours and others'; null: they cannot be listed now. */
export async function listFlows(run: ToolRunner): Promise<Flow[] | null> {
  const { isOk, stdout } = await run("conntrack", ["-L", "-f", "ipv4", "-p", "tcp", "--dst-nat"]);
  return isOk ? parseFlows(stdout) : null;
}

/** Deletions that run at the same time: each goes through the kernel's whole table. */
const deletionsAtOnceMax = 4;

/** Calls `act` for each, so many at a time. */
async function eachOf<T>(
  list: readonly T[],
  atOnceMax: number,
  act: (one: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    for (let one = list[next++]; one !== undefined; one = list[next++]) await act(one);
  };
  await Promise.all(Array.from({ length: Math.min(atOnceMax, list.length) }, work));
}

/** What the first step has done. */
export interface Forgotten {
  readonly flows: readonly Flow[];
  /** Pairs that could not be asked for: their connections are still there. */
  readonly left: readonly Pair[];
  readonly problems: readonly string[];
}

/** First step of a cut: the kernel forgets all connections of these pairs. */
export async function forget(run: ToolRunner, pairs: readonly Pair[]): Promise<Forgotten> {
  const flows: Flow[] = [];
  const left: Pair[] = [];
  const problems: string[] = [];
  await eachOf(pairs, deletionsAtOnceMax, async (pair) => {
    const { port, target } = pair;
    const args = ["-D", "-f", "ipv4", "-p", "tcp", "--orig-port-dst", String(port)];
    args.push("--reply-src", target.ip, "--reply-port-src", String(target.port));
    const { isOk, stdout, stderr, problem } = await run("conntrack", args);
    // It ends with 1 where there was none.
    if (!isOk && !/\b0 flow entries have been deleted/.test(stderr)) {
      left.push(pair);
      problems.push(problem);
    }
    flows.push(...parseFlows(stdout));
  });
  return { flows, left, problems };
}

/** Probes at the same time: each is a socket. */
const probesAtOnceMax = 256;

/** Longest time of a probe: an end that answers does so within a round trip, and a second SYN would follow after 1 s. */
const probeMsMax = 800;

/** A local client gives its port up a moment after it was told. */
const probeRetryMs = 20;

const probeTriesMax = 5;

/**
 * Second step of a cut: the clients of connections that were open are told; they must not wait behind targets that are off.
 * One call after the other: the sources of probes are of one call. Never rejects.
 */
export async function tellClients(
  run: ToolRunner,
  clock: Clock,
  flows: readonly Flow[],
): Promise<void> {
  if (flows.length === 0) return;
  const sources = flows.map(({ client, asked }) => ({ client, from: asked }));
  await run("nft", ["-f", "-"], probesText(sources));
  await eachOf(flows, probesAtOnceMax, async ({ client, asked }) => {
    await probe(clock, client, { ip: asked.ip, port: 0 });
  });
}

/** Third step: the targets are told. One that does not answer is not asked for each of its connections. Never rejects. */
export async function tellTargets(clock: Clock, flows: readonly Flow[]): Promise<void> {
  const silent = new Set<string>();
  await eachOf(flows, probesAtOnceMax, async ({ target, seen }) => {
    // Where the client is on this host, its end may have held this very address until now.
    for (let tries = 0; tries < probeTriesMax; tries += 1) {
      if (silent.has(target.ip)) return;
      const outcome = await probe(clock, target, seen);
      if (outcome === noAnswer) silent.add(target.ip);
      if (outcome !== "EADDRINUSE") return;
      await new Promise<void>((resolve) => clock.after(probeRetryMs, resolve));
    }
  });
}

const noAnswer = "no answer";

/** Resolves with what came of it. */
function probe(clock: Clock, to: LeadTarget, from: LeadTarget): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection({
      host: to.ip,
      port: to.port,
      localAddress: from.ip,
      ...(from.port === 0 ? {} : { localPort: from.port }),
    });
    const done = (outcome: string): void => {
      limit.cancel();
      socket.removeAllListeners();
      socket.on("error", () => {});
      if (outcome === "connected") socket.resetAndDestroy();
      else socket.destroy();
      resolve(outcome);
    };
    const limit = clock.after(probeMsMax, () => done(noAnswer));
    // It had forgotten the old one already, and took this for a new one.
    socket.once("connect", () => done("connected"));
    socket.once("error", (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
  });
}
