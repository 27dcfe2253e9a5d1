/**
 * Owns the agent's side of its link to a master of another process: finding it again and again, the proof of both
 * sides, and noticing that nothing comes any more. Not: what is said (agent/), frames (link-socket.ts). Called by agent.ts.
 * What the agent says while there is no link is lost, as with a real agent: it registers on every new link, and its
 * updates are repeated until they are acknowledged.
 * SPDX-License-Identifier: Apache-2.0
 */
import { request } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock, Timer } from "@mr-redis/core";
import type { AgentMessage, MasterMessage } from "../border/messages.js";
import type { Log } from "../shell/master-shell.js";
import { type AgentFrame, checkMasterFrame } from "./frame-check.js";
import { isNonce, isSameProof, linkPath, linkProtocol, newNonce, proofOf } from "./handshake.js";
import { LinkSocket } from "./link-socket.js";

/** How long a master may take to answer the request for a link. */
export const connectMsMax = 5_000;

/** Silence after which a link is dead, until the master has told its own: that of a real one, 5 times 15 s. */
export const silenceMsDefault = 75_000;

/** Pauses between two tries grow to this many times the first. */
const backoffGrowthMax = 16;

/** Where the master is, and how it is tried for. */
export interface MasterLinkOptions {
  readonly host: string;
  readonly port: number;
  readonly secret: string | null;
  /** Between two tries, drawn from zero to this, which doubles from try to try. */
  readonly backoffMs: number;
}

/** What is told of the link. */
export interface MasterLinkEvents {
  /** There is a link: register. */
  opened(): void;
  said(message: MasterMessage): void;
}

/** The link of one agent. */
export class MasterLink {
  readonly #options: MasterLinkOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #events: MasterLinkEvents;
  readonly #log: Log;
  /** Ends the try or the link that is there. */
  #abort: ((why: string) => void) | null = null;
  #socket: LinkSocket | null = null;
  #timer: Timer | null = null;
  #silenceMs = silenceMsDefault;
  #triesCount = 0;
  #lastWhy = "";
  #isStopped = false;

  constructor(
    options: MasterLinkOptions,
    ports: { readonly clock: Clock; readonly random: () => number },
    events: MasterLinkEvents,
    log: Log,
  ) {
    this.#options = options;
    this.#clock = ports.clock;
    this.#random = ports.random;
    this.#events = events;
    this.#log = log;
  }

  /** Begins to try; goes on until {@link stop}. */
  start(): void {
    this.#connect();
  }

  /** Ends the link and all tries. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#abort?.("the agent ends");
  }

  /** False while what is sent is lost for certain. */
  get isOpen(): boolean {
    return this.#socket !== null;
  }

  /** Lost when there is no link. */
  send(message: AgentMessage): void {
    this.#socket?.send({ type: "said", message } satisfies AgentFrame);
  }

  #connect(): void {
    const { host, port, secret } = this.#options;
    const agentNonce = newNonce();
    let isOver = false;
    const fail = (why: string) => {
      if (isOver) return;
      isOver = true;
      sent.destroy();
      this.#retry(why);
    };
    const sent = request({
      host,
      port,
      path: linkPath,
      agent: false,
      headers: { Connection: "Upgrade", Upgrade: linkProtocol, "X-Nonce": agentNonce },
    });
    sent.on("error", (error) => fail(error.message));
    sent.on("response", (response) => {
      response.resume();
      fail(`the master answers ${response.statusCode}`);
    });
    sent.on("upgrade", (response, socket, head) => {
      const { "x-nonce": masterNonce, "x-proof": proof } = response.headers;
      socket.on("error", () => socket.destroy());
      if (isOver) {
        socket.destroy();
      } else if (
        !isNonce(masterNonce) ||
        !isSameProof(proof, proofOf(secret, "master", agentNonce, masterNonce))
      ) {
        socket.destroy();
        fail("the master does not know the secret of this agent");
      } else {
        isOver = true;
        this.#open(socket, head, proofOf(secret, "agent", agentNonce, masterNonce));
      }
    });
    this.#abort = fail;
    this.#setTimer(connectMsMax, () => fail(`no answer within ${connectMsMax} ms`));
    sent.end();
  }

  #open(duplex: Duplex, head: Buffer, proof: string): void {
    const socket = new LinkSocket(duplex, head, {
      frame: (value) => this.#framed(socket, value),
      closed: (why) => {
        this.#socket = null;
        this.#retry(why);
      },
    });
    this.#abort = (why) => socket.end(why);
    this.#socket = socket;
    socket.trust();
    socket.send({ type: "proof", proof } satisfies AgentFrame);
    this.#listen(socket);
  }

  /** Only now the next try may be soon: one that is refused comes back ever more slowly. */
  #registered(): void {
    const { host, port } = this.#options;
    this.#log("registered with the master", { master: `${host}:${port}` });
    this.#triesCount = 0;
    this.#lastWhy = "";
  }

  #framed(socket: LinkSocket, value: unknown): void {
    const checked = checkMasterFrame(value);
    if (!checked.ok) {
      socket.end(`a frame of the master ${checked.problem}`);
      return;
    }
    const { frame } = checked;
    if (frame.type === "ping") {
      this.#silenceMs = frame.timeoutMs;
      socket.send({ type: "pong", number: frame.number } satisfies AgentFrame);
      // The first one is the master's word that the proof was good.
      if (frame.number === 0) this.#events.opened();
    } else if (frame.type === "refused") {
      socket.end(frame.why);
      return;
    } else {
      if (frame.message.type === "registered") this.#registered();
      this.#events.said(frame.message);
    }
    this.#listen(socket);
  }

  /** A link on which nothing comes is dead, whatever the kernel says of it. */
  #listen(socket: LinkSocket): void {
    if (this.#isStopped) return;
    const ms = this.#silenceMs;
    this.#setTimer(ms, () => socket.end(`the master was silent for ${ms} ms`));
  }

  #retry(why: string): void {
    this.#abort = null;
    this.#timer?.cancel();
    if (this.#isStopped) return;
    const { host, port, backoffMs } = this.#options;
    if (why !== this.#lastWhy)
      this.#log("no link to the master", { master: `${host}:${port}`, why });
    this.#lastWhy = why;
    const longestMs = backoffMs * Math.min(2 ** this.#triesCount, backoffGrowthMax);
    this.#triesCount = Math.min(this.#triesCount + 1, backoffGrowthMax);
    this.#setTimer(this.#random() * longestMs, () => this.#connect());
  }

  #setTimer(delayMs: number, act: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(delayMs, act);
  }
}
