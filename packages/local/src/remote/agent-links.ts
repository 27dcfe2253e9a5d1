/**
 * Owns the master's side of the links to agents of their own processes: who may link, whose link is whose, and who
 * has become unreachable. Not: decisions about agents (master/), frames (link-socket.ts). Called by master.ts.
 * As a real master: a broken link makes an agent disconnected at once; `pingTimeoutsMax` pings of `pingTimeoutMs`
 * without an answer, on whatever link, make it unreachable; it comes back by registering again, on a new link.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock, Timer } from "@mr-redis/core";
import type { AgentMessage } from "../border/messages.js";
import { pageRefusal } from "../http/page-guard.js";
import type { Log, MasterShell } from "../shell/master-shell.js";
import { checkAgentFrame, type MasterFrame, registrationProblem } from "./frame-check.js";
import { isNonce, isSameProof, linkPath, linkProtocol, newNonce, proofOf } from "./handshake.js";
import { LinkSocket } from "./link-socket.js";
import type { AgentRegistry } from "./registry.js";

/** How long one that links may take to prove itself. */
export const proofMsMax = 10_000;

/** How long one that was refused may take to read that. */
const refusedMsMax = 5_000;

/** Most connections that have not proved themselves yet; more are refused. */
export const strangersMax = 100;

/** Settings of the links. */
export interface AgentLinksOptions {
  /** Address that the master is bound to. */
  readonly address: string;
  readonly secret: string | null;
  /** Whether the master has a fault domain; without one, agents with one are refused. */
  readonly hasDomain: boolean;
  readonly pingTimeoutMs: number;
  readonly pingTimeoutsMax: number;
  /** How long agents of before this start of the master may take to come back. */
  readonly reregisterTimeoutMs: number;
}

/** One connection that has proved itself, or will within {@link proofMsMax}. */
interface Link {
  readonly key: string;
  readonly socket: LinkSocket;
  /** Ends it when no proof comes. */
  readonly deadline: Timer;
  isProved: boolean;
  agentId: string | null;
}

/** Watches one registered agent until it is unreachable. */
interface Observer {
  link: Link | null;
  pingNumber: number;
  missedCount: number;
  isAnswered: boolean;
  timer: Timer | null;
}

/** All links of a master. */
export class AgentLinks {
  readonly #options: AgentLinksOptions;
  readonly #clock: Clock;
  readonly #master: MasterShell;
  readonly #registry: AgentRegistry;
  readonly #log: Log;
  readonly #links = new Map<string, Link>();
  readonly #observers = new Map<string, Observer>();
  #nextLinkNumber = 1;
  #recoveryTimer: Timer | null = null;

  constructor(
    options: AgentLinksOptions,
    clock: Clock,
    master: MasterShell,
    registry: AgentRegistry,
    log: Log,
  ) {
    this.#options = options;
    this.#clock = clock;
    this.#master = master;
    this.#registry = registry;
    this.#log = log;
  }

  /** Tells the master of the agents it had, and gives them their time; then takes links of this server. */
  start(server: Server): void {
    for (const [agentId, state] of this.#registry.agents) {
      this.#master.handle({ type: "agent-recovered", agentId });
      if (state === "gone") this.#master.handle({ type: "agent-gone", agentId });
      if (state === "unreachable") this.#master.handle({ type: "agent-unreachable", agentId });
    }
    this.#recoveryTimer = this.#clock.after(this.#options.reregisterTimeoutMs, () => {
      for (const [agentId, { state }] of this.#master.master.books.agents) {
        if (state === "recovered") this.#markUnreachable(agentId, "did not come back");
      }
    });
    server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#upgrade(request, socket, head),
    );
  }

  /** Ends all links; nothing is told to the master any more. */
  stop(): void {
    this.#recoveryTimer?.cancel();
    for (const { timer } of this.#observers.values()) timer?.cancel();
    this.#observers.clear();
    const links = [...this.#links.values()];
    this.#links.clear();
    for (const { socket, deadline } of links) {
      deadline.cancel();
      socket.end("the master ends");
    }
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refusal = this.#refusal(request);
    const agentNonce = request.headers["x-nonce"];
    if (refusal !== undefined || !isNonce(agentNonce)) {
      const { status, text } = refusal ?? { status: 400, text: "X-Nonce is missing" };
      socket.on("error", () => socket.destroy());
      // One that does not close its side would hold the connection for ever.
      const timer = this.#clock.after(refusedMsMax, () => socket.destroy());
      socket.on("close", () => timer.cancel());
      socket.end(
        `HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
      );
      return;
    }
    const masterNonce = newNonce();
    const { secret } = this.#options;
    const proof = proofOf(secret, "master", agentNonce, masterNonce);
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${linkProtocol}\r\nX-Nonce: ${masterNonce}\r\nX-Proof: ${proof}\r\n\r\n`,
    );
    this.#open(socket, head, proofOf(secret, "agent", agentNonce, masterNonce));
  }

  #refusal(request: IncomingMessage): { status: number; text: string } | undefined {
    const refusal = pageRefusal(request.headers, this.#options.address);
    if (refusal !== undefined) return refusal;
    if (request.url !== linkPath) return { status: 404, text: "404 Not Found." };
    if (request.headers.upgrade !== linkProtocol) {
      return { status: 426, text: `this master speaks ${linkProtocol}` };
    }
    const strangers = [...this.#links.values()].filter(({ isProved }) => !isProved);
    return strangers.length < strangersMax
      ? undefined
      : { status: 503, text: "too many connections wait for their proof" };
  }

  #open(socket: Duplex, head: Buffer, expectedProof: string): void {
    const key = `link-${this.#nextLinkNumber++}`;
    const deadline = this.#clock.after(proofMsMax, () => link.socket.end("no proof came"));
    const link: Link = {
      key,
      deadline,
      isProved: false,
      agentId: null,
      socket: new LinkSocket(socket, head, {
        frame: (value) => this.#framed(link, value, expectedProof),
        closed: (why) => this.#closed(link, why),
      }),
    };
    this.#links.set(key, link);
  }

  #framed(link: Link, value: unknown, expectedProof: string): void {
    const checked = checkAgentFrame(value);
    if (!checked.ok) {
      link.socket.end(`a frame of the agent ${checked.problem}`);
      return;
    }
    const { frame } = checked;
    if (!link.isProved) {
      if (frame.type === "proof" && isSameProof(frame.proof, expectedProof)) this.#proved(link);
      else link.socket.end("the agent does not know the secret of this master");
      return;
    }
    if (frame.type === "said") this.#said(link, frame.message);
    if (frame.type === "pong") this.#answered(link, frame.number);
  }

  #proved(link: Link): void {
    link.isProved = true;
    link.deadline.cancel();
    link.socket.trust();
    this.#ping(link, 0);
    this.#master.connectAgent(
      link.key,
      (message) => link.socket.send({ type: "said", message } satisfies MasterFrame),
      (agentId) => this.#bound(link, agentId),
    );
  }

  #said(link: Link, message: AgentMessage): void {
    if (message.type === "register") {
      const { completedFrameworkIds } = this.#master.master.books;
      const isBooked = (id: string): boolean => !completedFrameworkIds.includes(id);
      const problem =
        message.info.domain === undefined || this.#options.hasDomain
          ? registrationProblem(message, isBooked)
          : "it has a fault domain (--domain), and this master has none";
      if (problem !== undefined) {
        const why = `the registration of ${message.info.hostname} is refused: ${problem}`;
        link.socket.endWith({ type: "refused", why } satisfies MasterFrame, why);
        return;
      }
    }
    this.#master.agentSaid(link.key, message);
  }

  /** The agent is registered: this is its link from now on. On record before the agent hears of it. */
  #bound(link: Link, agentId: string): void {
    this.#registry.set(agentId, "registered");
    link.agentId = agentId;
    const before = this.#observers.get(agentId);
    before?.timer?.cancel();
    const pingNumber = before?.pingNumber ?? 0;
    const observer = { link, pingNumber, missedCount: 0, isAnswered: true, timer: null };
    this.#observers.set(agentId, observer);
    this.#log("an agent is registered", { agentId, link: link.key });
    this.#observe(agentId, observer);
    if (before?.link !== link) before?.link?.socket.end("the agent has a newer link");
  }

  #observe(agentId: string, observer: Observer): void {
    observer.isAnswered = false;
    observer.pingNumber += 1;
    if (observer.link !== null) this.#ping(observer.link, observer.pingNumber);
    observer.timer = this.#clock.after(this.#options.pingTimeoutMs, () => {
      observer.missedCount = observer.isAnswered ? 0 : observer.missedCount + 1;
      if (observer.missedCount >= this.#options.pingTimeoutsMax) {
        this.#markUnreachable(agentId, `${observer.missedCount} pings without an answer`);
      } else this.#observe(agentId, observer);
    });
  }

  #ping({ socket }: Link, number: number): void {
    const { pingTimeoutMs, pingTimeoutsMax } = this.#options;
    const timeoutMs = pingTimeoutMs * pingTimeoutsMax;
    socket.send({ type: "ping", number, timeoutMs } satisfies MasterFrame);
  }

  #answered(link: Link, number: number): void {
    const observer = link.agentId === null ? undefined : this.#observers.get(link.agentId);
    if (observer?.link === link && observer.pingNumber === number) observer.isAnswered = true;
  }

  #markUnreachable(agentId: string, why: string): void {
    const observer = this.#observers.get(agentId);
    this.#observers.delete(agentId);
    this.#log("an agent is unreachable", { agentId, why });
    this.#registry.set(agentId, "unreachable");
    this.#master.handle({ type: "agent-unreachable", agentId });
    observer?.link?.socket.end(why);
  }

  #closed(link: Link, why: string): void {
    link.deadline.cancel();
    if (!this.#links.delete(link.key)) return;
    this.#log("the link to an agent has ended", { agentId: link.agentId, link: link.key, why });
    const observer = link.agentId === null ? undefined : this.#observers.get(link.agentId);
    if (observer?.link === link) observer.link = null;
    if (link.isProved) this.#master.disconnectAgent(link.key);
  }
}
