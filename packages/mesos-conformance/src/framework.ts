/**
 * Owns a scheduler's session for checks: it keeps all it hears, sends calls in order, and repeats nothing by itself.
 * Not: offers put together (bundles.ts), verdicts. Called by checks; made and ended by context.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Agent, IncomingHttpHeaders, IncomingMessage } from "node:http";
import {
  createRecordDecoder,
  type FrameworkInfo,
  isTerminalState,
  jsonCodec,
  type Offer,
  type OfferOperation,
  protobufCodec,
  type SchedulerCall,
  type SchedulerEvent,
  type TaskInfo,
  type TaskStatus,
  type WireCodec,
} from "@mr-redis/mesos";
import { type Access, type Answer, openRequest, orderedAgent, sendRequest } from "./http.js";
import { answerText, callText, eventText, statusText } from "./summary.js";
import { fail, present } from "./verdict.js";
import { pause, waitFor } from "./wait.js";

/** For what the reference says no time for: executors start, are fetched, and run on busy agents. */
export const patienceMs = 30_000;

/** Within which the reference expects what happens on the next round of offers: one second, and one to spare. */
export const tickMs = 2_000;

/** Most events that a session keeps. */
const heardMax = 50_000;

/** What a session is made of. */
export interface FrameworkMeans {
  /** Of the scheduler API. */
  readonly url: URL;
  readonly access: Access;
  readonly signal: AbortSignal;
  /** Factor on every upper limit of time. */
  readonly slack: number;
  readonly trace: (line: string) => void;
}

/** An event with the time when it was heard (performance.now). */
export interface Heard {
  readonly atMs: number;
  readonly event: SchedulerEvent;
}

/** What SUBSCRIBE has beside the framework's description. */
export interface SubscribeOptions {
  /** Roles without offers. */
  readonly suppressed?: readonly string[];
  readonly accept?: string;
}

/** One framework, over all its sessions. */
export class Framework {
  readonly info: FrameworkInfo;
  readonly heard: Heard[] = [];
  frameworkId = "";
  streamId = "";
  status = 0;
  headers: IncomingHttpHeaders = {};
  /** The current stream has ended, by whichever side. */
  isEnded = true;
  /** Acknowledge every update as it comes. */
  acknowledges = true;
  /** Offers that were neither used, declined nor rescinded, by their ids. */
  readonly outstanding = new Map<string, Offer>();
  /** Ends its waits. */
  signal: AbortSignal;
  readonly #means: FrameworkMeans;
  readonly #agent: Agent;
  readonly #taken = new Set<number>();
  #response: IncomingMessage | null = null;
  #heardFrom: IncomingMessage | null = null;

  constructor(means: FrameworkMeans, info: FrameworkInfo) {
    this.#means = means;
    this.signal = means.signal;
    this.info = info;
    this.#agent = orderedAgent(means.url);
  }

  /** Subscribes (with the id it has, if it has one) and waits for the first event. */
  async subscribe(options: SubscribeOptions = {}): Promise<this> {
    const id = this.frameworkId === "" ? {} : { id: { value: this.frameworkId } };
    await this.open(
      {
        type: "SUBSCRIBE",
        ...(this.frameworkId === "" ? {} : { framework_id: { value: this.frameworkId } }),
        subscribe: {
          framework_info: { ...this.info, ...id },
          suppressed_roles: options.suppressed ?? [],
        },
      },
      options.accept ?? "application/json",
    );
    if (this.status !== 200) {
      const text = await bodyOf(this.#response);
      fail(`SUBSCRIBE was answered ${answerText({ status: this.status, text })}`);
    }
    await this.#until(() => this.#heardFrom === this.#response, patienceMs, "the first event");
    return this;
  }

  /** Opens a stream with any body; resolves at its head. */
  async open(call: SchedulerCall, accept: string): Promise<void> {
    this.#means.trace(`sent ${callText(call).slice(0, 60)} with Accept: ${accept}`);
    const response = await openRequest(this.#means.url, this.#means.access, {
      headers: { "Content-Type": "application/json", Accept: accept, Connection: "keep-alive" },
      body: JSON.stringify(call),
    });
    this.#response = response;
    this.outstanding.clear();
    this.isEnded = false;
    this.status = response.statusCode ?? 0;
    this.headers = response.headers;
    this.streamId = String(response.headers["mesos-stream-id"] ?? "");
    this.#means.trace(`answered ${this.status}`);
    response.on("error", () => undefined);
    if (this.status === 200) this.#read(response);
  }

  #read(response: IncomingMessage): void {
    const type = response.headers["content-type"];
    const codec: WireCodec = type === protobufCodec.contentType ? protobufCodec : jsonCodec;
    const decoder = createRecordDecoder();
    response.on("data", (chunk: Buffer) => {
      const batch = decoder.push(chunk);
      for (const record of batch.records) {
        const event = codec.decode("scheduler.Event", record);
        if (event.ok) this.#hear(response, event.value);
        else this.#means.trace(`heard a record that is no event: ${event.problems[0]?.rule}`);
      }
      if (!batch.ok) response.destroy(new Error(`the stream is not RecordIO: ${batch.fault.type}`));
    });
    response.on("close", () => {
      if (this.#response !== response) return;
      this.isEnded = true;
      this.#means.trace("the stream ended");
    });
    response.on("end", () => {
      if (this.#response === response) this.isEnded = true;
    });
  }

  #hear(response: IncomingMessage, event: SchedulerEvent): void {
    if (this.heard.length >= heardMax) return;
    this.#heardFrom = response;
    this.heard.push({ atMs: performance.now(), event });
    this.#means.trace(`heard ${eventText(event)}`);
    if (event.subscribed !== undefined) this.frameworkId = event.subscribed.framework_id.value;
    for (const offer of event.offers?.offers ?? []) this.outstanding.set(offer.id.value, offer);
    if (event.rescind !== undefined) this.outstanding.delete(event.rescind.offer_id.value);
    const status = event.update?.status;
    // An acknowledgement that is lost with its session is made up for: the agent repeats the update.
    if (this.acknowledges && status !== undefined) this.acknowledge(status).catch(() => undefined);
  }

  /** Sends a call in this session, in order; answers whatever comes. */
  async call(body: SchedulerCall, streamId: string = this.streamId): Promise<Answer> {
    const call = { framework_id: { value: this.frameworkId }, ...body };
    this.#means.trace(`sent ${callText(body)}`);
    const answer = await sendRequest(this.#means.url, this.#means.access, {
      agent: this.#agent,
      headers: {
        "Content-Type": "application/json",
        ...(streamId === "" ? {} : { "Mesos-Stream-Id": streamId }),
      },
      body: JSON.stringify(call),
    });
    if (answer.status !== 202) this.#means.trace(`answered ${answerText(answer)}`);
    return answer;
  }

  /** Sends a call that must be taken. */
  async send(body: SchedulerCall): Promise<void> {
    const answer = await this.call(body);
    if (answer.status !== 202) fail(`${callText(body)} was answered ${answerText(answer)}`);
  }

  async acknowledge(status: TaskStatus): Promise<void> {
    const { uuid, agent_id, task_id } = status;
    if (uuid === undefined || agent_id === undefined) return;
    await this.call({ type: "ACKNOWLEDGE", acknowledge: { uuid, agent_id, task_id } });
  }

  /**
   * The next event that fits and was not taken yet. Older ones on the same subject (one task's updates, offers, ...) are
   * passed over, and so are updates that are repeated because their acknowledgement was late.
   */
  async next(
    fits: (event: SchedulerEvent, index: number) => boolean,
    what: string,
    withinMs: number = patienceMs,
  ): Promise<SchedulerEvent> {
    const index = await this.#until(
      () => {
        const found = this.heard.findIndex(
          ({ event }, at) => !this.#taken.has(at) && fits(event, at) && !this.#isRepeated(at),
        );
        return found < 0 ? undefined : found;
      },
      withinMs,
      what,
    );
    const { event } = present(this.heard[index], what);
    for (let at = 0; at <= index; at += 1) {
      const other = this.heard[at]?.event;
      if (other !== undefined && subjectOf(other) === subjectOf(event)) this.#taken.add(at);
    }
    return event;
  }

  #isRepeated(index: number): boolean {
    return this.acknowledges && this.#wasHeard(index);
  }

  /** True for an update whose uuid was heard before. */
  #wasHeard(index: number): boolean {
    const uuid = this.heard[index]?.event.update?.status.uuid;
    if (uuid === undefined) return false;
    return this.heard.findIndex(({ event }) => event.update?.status.uuid === uuid) < index;
  }

  /** True for an update that says for the first time that its task has ended. */
  #isEnd(index: number): boolean {
    const state = this.heard[index]?.event.update?.status.state;
    return state !== undefined && isTerminalState(state) && !this.#wasHeard(index);
  }

  /** The next update of the task (in the state, if one is named; then another final state ends the check). */
  async update(taskId: string, state?: string, withinMs: number = patienceMs): Promise<TaskStatus> {
    const isOfTask = ({ update }: SchedulerEvent) => update?.status.task_id.value === taskId;
    const event = await this.next(
      (one, index) => {
        if (!isOfTask(one)) return false;
        return state === undefined || one.update?.status.state === state || this.#isEnd(index);
      },
      `an update ${state ?? ""} of ${taskId}`,
      withinMs,
    );
    const { status } = present(event.update, "the update");
    if (state !== undefined && status.state !== state) {
      fail(`UPDATE ${statusText(status)} instead of ${state}`);
    }
    return status;
  }

  /** Waits for the end of the current stream. */
  untilEnd(withinMs: number = patienceMs): Promise<true> {
    return this.#until(() => this.isEnded, withinMs, "the end of the stream");
  }

  #until<T>(look: () => T | false | undefined, withinMs: number, what: string): Promise<T> {
    return waitFor<T>(
      () => {
        const value = look();
        return value === false ? undefined : value;
      },
      { withinMs: withinMs * this.#means.slack, what, signal: this.signal },
    );
  }

  /** Waits for something over all that was heard. */
  until<T>(look: () => T | undefined, what: string, withinMs: number = patienceMs): Promise<T> {
    return this.#until(look, withinMs, what);
  }

  /** Lets time pass; answers the events that were heard meanwhile. */
  async during(ms: number): Promise<readonly Heard[]> {
    const count = this.heard.length;
    await pause(ms, this.signal);
    return this.heard.slice(count);
  }

  /** Offers heard since a time (performance.now). */
  offersSince(atMs: number): readonly (Offer & { readonly atMs: number })[] {
    return this.heard.flatMap((entry) =>
      entry.atMs < atMs
        ? []
        : (entry.event.offers?.offers ?? []).map((offer) => ({ ...offer, atMs: entry.atMs })),
    );
  }

  /** Every status heard since an index of {@link heard}. */
  statusesSince(index: number): readonly TaskStatus[] {
    return this.heard.slice(index).flatMap(({ event }) => event.update?.status ?? []);
  }

  accept(
    offers: readonly Offer[],
    operations: readonly OfferOperation[],
    refuseSeconds?: number,
  ): Promise<void> {
    for (const { id } of offers) this.outstanding.delete(id.value);
    return this.send({
      type: "ACCEPT",
      accept: { offer_ids: offers.map(({ id }) => id), operations, ...filters(refuseSeconds) },
    });
  }

  launch(offer: Offer, tasks: readonly TaskInfo[], refuseSeconds?: number): Promise<void> {
    const operation: OfferOperation = { type: "LAUNCH", launch: { task_infos: tasks } };
    return this.accept([offer], [operation], refuseSeconds);
  }

  decline(offers: readonly Offer[], refuseSeconds?: number): Promise<void> {
    if (offers.length === 0) return Promise.resolve();
    const offer_ids = offers.map(({ id }) => id);
    for (const { value } of offer_ids) this.outstanding.delete(value);
    return this.send({ type: "DECLINE", decline: { offer_ids, ...filters(refuseSeconds) } });
  }

  /** Breaks the stream without a word. */
  drop(): void {
    this.#means.trace("closed the stream");
    this.#response?.destroy();
  }

  /** Closes all connections. */
  close(): void {
    this.#response?.destroy();
    this.#agent.destroy();
  }
}

/** Ends the executor of a task, and waits until it has ended. */
export async function endExecutor(framework: Framework, task: TaskInfo): Promise<void> {
  const { executor_id } = present(task.executor, "the executor");
  await framework.send({ type: "SHUTDOWN", shutdown: { executor_id, agent_id: task.agent_id } });
  await framework.next(
    ({ failure }) => failure?.executor_id?.value === executor_id.value,
    "FAILURE of the executor",
  );
}

const filters = (refuseSeconds: number | undefined) =>
  refuseSeconds === undefined ? {} : { filters: { refuse_seconds: refuseSeconds } };

const bodyOf = async (response: IncomingMessage | null): Promise<string> => {
  let text = "";
  for await (const chunk of response ?? []) text += String(chunk);
  return text;
};

/** What an event speaks of. */
const subjectOf = ({ type, update }: SchedulerEvent): string =>
  update === undefined ? String(type) : `UPDATE ${update.status.task_id.value}`;
