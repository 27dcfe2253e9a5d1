/**
 * Owns what the black-box tests share: a master of their own, and a scheduler client over plain node:http that
 * shares no code with the server. Called by the tests of this folder.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type {
  FrameworkInfo,
  Offer,
  Resource,
  SchedulerCall,
  SchedulerEvent,
  TaskInfo,
  TaskStatus,
} from "@mr-redis/mesos";
import { sweepProcesses, until } from "@mr-redis/testing";
import { expect } from "vitest";
import { type LocalOptions, type RunningLocal, startLocal } from "../src/index.js";
import { deadlineMsDefault, Heard, type HeardEvent } from "./heard.js";

export * from "./notes.js";

/** The custom executor of the tests. */
export const executorFile = join(import.meta.dirname, "executor.mjs");

/** A running master in a directory of its own. */
export interface TestLocal extends RunningLocal {
  readonly workDir: string;
  /** Closes it, and fails when a process was left behind. */
  end(): Promise<void>;
}

/** Starts a master on a free port with a quick clock of offers, so that tests need no long waits. */
export async function startTestLocal(options: Partial<LocalOptions> = {}): Promise<TestLocal> {
  const workDir = options.workDir ?? mkdtempSync(join(tmpdir(), "mrr-local-"));
  const local = await startLocal({
    port: 0,
    agentsCount: 2,
    agentCpus: 4,
    agentMemoryMb: 2048,
    ports: { begin: 31_000, end: 31_099 },
    closeGraceMs: 300,
    ...options,
    workDir,
  });
  return {
    ...local,
    workDir,
    async end() {
      await local.close();
      const left = await sweepProcesses(workDir);
      rmSync(workDir, { recursive: true, force: true });
      expect(left.map((seen) => seen.commandLine)).toEqual([]);
    },
  };
}

/** An answer that is not a stream. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: http.IncomingHttpHeaders;
}

/** One request with exactly these headers. */
export function request(
  url: string,
  options: {
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string | Buffer;
    readonly agent?: http.Agent;
  } = {},
): Promise<Answer> {
  const body = options.body ?? "";
  return new Promise((resolve, reject) => {
    const sent = http.request(
      url,
      {
        method: options.method ?? "POST",
        agent: options.agent ?? false,
        headers: { "Content-Length": Buffer.byteLength(body), ...options.headers },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            text: Buffer.concat(chunks).toString(),
            headers: response.headers,
          }),
        );
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

/** A JSON call to an endpoint. */
export const postJson = (
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
  agent?: http.Agent,
): Promise<Answer> =>
  request(url, {
    headers: { "Content-Type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...(agent === undefined ? {} : { agent }),
  });

/** The framework of the checks. */
export const testFramework: FrameworkInfo = {
  user: "root",
  name: "check",
  principal: "check",
  roles: ["check"],
  checkpoint: true,
  failover_timeout: 60,
  capabilities: [
    { type: "MULTI_ROLE" },
    { type: "PARTITION_AWARE" },
    { type: "TASK_KILLING_STATE" },
    { type: "RESERVATION_REFINEMENT" },
  ],
};

/** A scheduler session that keeps all it hears. */
export class TestScheduler {
  readonly url: string;
  readonly info: FrameworkInfo;
  readonly #heard = new Heard();
  readonly events: readonly HeardEvent[] = this.#heard.events;
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  #response: http.IncomingMessage | null = null;
  /** The stream of the newest event. */
  #heardFrom: http.IncomingMessage | null = null;
  #marks = 0;
  frameworkId = "";
  streamId = "";
  status = 0;
  headers: http.IncomingHttpHeaders = {};
  isEnded = false;
  /** Acknowledge every update as it comes. */
  acknowledges = true;

  constructor(base: string, info: FrameworkInfo = testFramework) {
    this.url = `${base}/api/v1/scheduler`;
    this.info = info;
  }

  /** Subscribes (with the id it has, if it has one) and waits for the first event. */
  async subscribe(more: Readonly<Record<string, unknown>> = {}): Promise<this> {
    const id = this.frameworkId === "" ? {} : { id: { value: this.frameworkId } };
    await this.open({
      type: "SUBSCRIBE",
      ...(this.frameworkId === "" ? {} : { framework_id: { value: this.frameworkId } }),
      subscribe: { framework_info: { ...this.info, ...id }, ...more },
    });
    await until(() => this.#heardFrom === this.#response, {
      deadlineMs: deadlineMsDefault,
      what: "the first event",
    });
    return this;
  }

  /** Opens the stream with any body; resolves at its head. */
  open(call: SchedulerCall, headers: Readonly<Record<string, string>> = {}): Promise<void> {
    const body = JSON.stringify(call);
    return new Promise((resolve, reject) => {
      const sent = http.request(
        this.url,
        {
          method: "POST",
          agent: false,
          headers: {
            "Content-Type": "application/json",
            Accept: "application/json",
            "Content-Length": Buffer.byteLength(body),
            ...headers,
          },
        },
        (response) => {
          this.#response = response;
          this.isEnded = false;
          this.status = response.statusCode ?? 0;
          this.headers = response.headers;
          this.streamId = String(response.headers["mesos-stream-id"] ?? "");
          this.#read(response);
          resolve();
        },
      );
      sent.on("error", reject);
      sent.end(body);
    });
  }

  #read(response: http.IncomingMessage): void {
    let held = Buffer.alloc(0);
    response.on("data", (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      for (let end = held.indexOf(10); end >= 0; end = held.indexOf(10)) {
        const length = Number(held.subarray(0, end).toString());
        if (held.length < end + 1 + length) return;
        const event: SchedulerEvent = JSON.parse(
          held.subarray(end + 1, end + 1 + length).toString(),
        );
        held = held.subarray(end + 1 + length);
        this.#heardFrom = response;
        this.#hear(event);
      }
    });
    response.on("end", () => {
      this.isEnded = true;
    });
    response.on("error", () => undefined);
  }

  #hear(event: SchedulerEvent): void {
    this.#heard.add(event);
    if (event.type === "SUBSCRIBED") {
      this.frameworkId = event.subscribed?.framework_id.value ?? "";
    }
    const status = event.update?.status;
    // Lost when the session just ended; the agent repeats the update.
    if (this.acknowledges && status !== undefined) this.acknowledge(status).catch(() => undefined);
  }

  /** Sends a call in this session; in order. */
  call(body: SchedulerCall, streamId: string = this.streamId): Promise<Answer> {
    return postJson(
      this.url,
      { framework_id: { value: this.frameworkId }, ...body },
      streamId === "" ? {} : { "Mesos-Stream-Id": streamId },
      this.#agent,
    );
  }

  async acknowledge(status: TaskStatus): Promise<void> {
    const { uuid, agent_id, task_id } = status;
    if (uuid === undefined || agent_id === undefined) return;
    await this.call({ type: "ACKNOWLEDGE", acknowledge: { uuid, agent_id, task_id } });
  }

  /** The next event that fits ({@link Heard.next}). */
  next(
    fits: (event: SchedulerEvent) => boolean,
    what: string,
    deadlineMs = deadlineMsDefault,
  ): Promise<SchedulerEvent> {
    return this.#heard.next(fits, { what, deadlineMs, skipsRepeats: this.acknowledges });
  }

  /** Everything heard so far counts as taken. */
  forget(): void {
    this.#heard.forget();
  }

  /** Offers of the next OFFERS events until `count` are there. */
  async offers(count = 1, deadlineMs = deadlineMsDefault): Promise<readonly Offer[]> {
    const offers: Offer[] = [];
    while (offers.length < count) {
      const event = await this.next((one) => one.type === "OFFERS", `${count} offers`, deadlineMs);
      offers.push(...(event.offers?.offers ?? []));
    }
    return offers;
  }

  async offer(deadlineMs = deadlineMsDefault): Promise<Offer> {
    const [offer] = await this.offers(1, deadlineMs);
    if (offer === undefined) throw new Error("no offer");
    return offer;
  }

  /**
   * Gives back all that was ever offered and takes one offer of all that an agent (default: any) has now: nothing is
   * offered while that is collected, so it comes in one piece.
   */
  async freshOffer(agentId?: string): Promise<Offer> {
    await this.call({ type: "SUPPRESS" });
    await this.#hearAll();
    this.#heard.forgetOffers();
    const ids = this.events.flatMap(({ event }) =>
      (event.offers?.offers ?? []).map(({ id }) => id),
    );
    const filters = { refuse_seconds: 0 };
    await this.call({ type: "DECLINE", decline: { offer_ids: ids, filters } });
    await this.call({ type: "REVIVE" });
    for (;;) {
      const offers = await this.offers(1);
      const found = offers.find(
        (offer) => agentId === undefined || offer.agent_id.value === agentId,
      );
      if (found !== undefined) return found;
    }
  }

  /** All that was sent before this call was heard: the answer to a launch on no offer comes behind it. */
  async #hearAll(): Promise<void> {
    this.#marks += 1;
    const taskId = `mark-${this.#marks}`;
    const offer: Offer = {
      id: { value: "no-offer" },
      framework_id: { value: this.frameworkId },
      agent_id: { value: "no-agent" },
      hostname: "",
    };
    await this.accept(offer, [testTask(offer, taskId)]);
    await this.update(taskId);
  }

  /** The next update of the task (in the state, if one is named). */
  async update(
    taskId: string,
    state?: string,
    deadlineMs = deadlineMsDefault,
  ): Promise<TaskStatus> {
    const event = await this.next(
      (one) =>
        one.update?.status.task_id.value === taskId &&
        (state === undefined || one.update.status.state === state),
      `update ${state ?? ""} of ${taskId}`,
      deadlineMs,
    );
    if (event.update === undefined) throw new Error("no update");
    return event.update.status;
  }

  /** OFFERS heard since a time. */
  offersSince(atMs: number): readonly Offer[] {
    return this.events.flatMap((entry) =>
      entry.atMs >= atMs ? (entry.event.offers?.offers ?? []) : [],
    );
  }

  async accept(
    offer: Offer,
    tasks: readonly TaskInfo[],
    filters: { refuse_seconds?: number } | undefined = undefined,
  ): Promise<Answer> {
    return this.call({
      type: "ACCEPT",
      accept: {
        offer_ids: [offer.id],
        operations: [{ type: "LAUNCH", launch: { task_infos: tasks } }],
        ...(filters === undefined ? {} : { filters }),
      },
    });
  }

  message(agentId: string, executorId: string, command: unknown): Promise<Answer> {
    const data = Buffer.from(JSON.stringify(command)).toString("base64");
    return this.call({
      type: "MESSAGE",
      message: { agent_id: { value: agentId }, executor_id: { value: executorId }, data },
    });
  }

  /** Breaks the stream without a word. */
  drop(): void {
    this.#response?.destroy();
  }

  close(): void {
    this.drop();
    this.#agent.destroy();
  }

  /** Ends the framework, and waits until nothing of it is left: the next one is offered everything in one piece. */
  async teardown(local: RunningLocal): Promise<void> {
    await this.call({ type: "TEARDOWN" });
    this.close();
    const executors = () => {
      const { agents } = local.state() as { agents: { executors: string[] }[] };
      return agents.flatMap((agent) => agent.executors).length;
    };
    const end = { deadlineMs: deadlineMsDefault, what: "the end of all executors" };
    await until(() => executors() === 0, end);
  }
}

/** A scalar as a framework asks for it. */
export const scalar = (name: string, value: number): Resource => ({
  name,
  type: "SCALAR",
  scalar: { value },
});

/** Ports as a framework asks for them. */
export const ports = (...values: readonly number[]): Resource => ({
  name: "ports",
  type: "RANGES",
  ranges: { range: values.map((value) => ({ begin: value, end: value })) },
});

/** A task of the test executor. */
export function testTask(
  offer: Offer,
  taskId: string,
  options: {
    readonly executorId?: string;
    readonly plan?: unknown;
    readonly resources?: readonly Resource[];
    readonly more?: Partial<TaskInfo>;
    readonly graceMs?: number;
    readonly command?: Partial<NonNullable<NonNullable<TaskInfo["executor"]>["command"]>>;
  } = {},
): TaskInfo {
  const plan = JSON.stringify(options.plan ?? {});
  return {
    name: taskId,
    task_id: { value: taskId },
    agent_id: offer.agent_id,
    resources: options.resources ?? [scalar("cpus", 0.1), scalar("mem", 32)],
    executor: {
      executor_id: { value: options.executorId ?? `ex-${taskId}` },
      type: "CUSTOM",
      name: "test executor",
      resources: [scalar("cpus", 0.1), scalar("mem", 32)],
      command: {
        shell: true,
        value: `exec ${process.execPath} ${executorFile}`,
        environment: { variables: [{ name: "CE_PLAN", value: plan }] },
        ...options.command,
      },
      ...(options.graceMs === undefined
        ? {}
        : { shutdown_grace_period: { nanoseconds: options.graceMs * 1e6 } }),
    },
    ...options.more,
  };
}
