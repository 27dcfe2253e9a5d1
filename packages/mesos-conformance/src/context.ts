/**
 * Owns what one attempt of a check works with: frameworks, executors, tasks, its evidence, and the end of all it began.
 * Not: the verdict (run.ts). Called by run.ts, cluster.ts and checks.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { FrameworkInfo, Offer, TaskInfo, TaskStatus } from "@mr-redis/mesos";
import { type SeenAgent, wholeOffers } from "./bundles.js";
import { Framework, patienceMs, type SubscribeOptions } from "./framework.js";
import { type Access, type Answer, type Request, sendRequest } from "./http.js";
import type { Note, Station } from "./station.js";
import { answerText, statusText } from "./summary.js";
import { type TaskMeans, type TaskOptions, taskOn } from "./tasks.js";
import { brief, difference, fail, notApplicable, type Pattern } from "./verdict.js";
import { pause, waitFor } from "./wait.js";

/** Most lines of a trace; a check has some dozens. */
const traceLinesMax = 2_000;

/** Limit for the end of each framework of a check. */
const endMsMax = 10_000;

/** What is the same for all checks of a run. */
export interface Means {
  /** Scheduler endpoint of the leading master. */
  readonly url: URL;
  readonly access: Access;
  readonly station: Station;
  readonly tasks: TaskMeans;
  /** Description of the frameworks; the name gets the check's id. */
  readonly info: FrameworkInfo;
  readonly role: string;
  readonly slack: number;
  readonly quick: boolean;
  readonly agentRestartCommand: string | null;
}

/** The note of an executor that fits. */
type FitsNote = (note: Note) => boolean;

/** One executor: its notes, and commands to it. */
export interface ExecutorHandle {
  readonly key: string;
  notes(): readonly Note[];
  /** The first note that fits. */
  note(fits: FitsNote, what: string, withinMs?: number): Promise<Note>;
  /** Sends a command as MESSAGE. */
  say(command: unknown): Promise<void>;
}

/** One attempt of one check. */
export class Context {
  readonly means: Means;
  readonly agents: readonly SeenAgent[];
  readonly signal: AbortSignal;
  /** What was observed, in lines for the report. */
  readonly evidence: string[] = [];
  /** Everything that was sent and heard, with seconds since the beginning. */
  readonly trace: string[] = [];
  readonly #checkId: string;
  readonly #startMs = performance.now();
  readonly #frameworks: Framework[] = [];

  constructor(means: Means, agents: readonly SeenAgent[], checkId: string, signal: AbortSignal) {
    this.means = means;
    this.agents = agents;
    this.signal = signal;
    this.#checkId = checkId;
  }

  /** A line of evidence. */
  saw(line: string): void {
    this.evidence.push(line);
    this.note(line);
  }

  /** A line of the trace. */
  note(line: string): void {
    if (this.trace.length >= traceLinesMax) return;
    const seconds = ((performance.now() - this.#startMs) / 1_000).toFixed(3);
    this.trace.push(`${seconds} ${line}`);
  }

  /** Evidence when `actual` fits, else the end of the check. */
  expect(what: string, actual: unknown, pattern: Pattern): void {
    const found = difference(actual, pattern);
    if (found !== undefined) fail(`${what}: ${found}`);
    const isLine = typeof actual === "string" && !actual.includes("\n");
    this.saw(`${what}: ${isLine ? actual : brief(actual, 200)}`);
  }

  /** A task status, as evidence; it must fit. */
  expectStatus(status: TaskStatus, pattern: Pattern): void {
    const found = difference(status, pattern);
    if (found !== undefined) fail(`UPDATE ${statusText(status)}: ${found}`);
    this.saw(`UPDATE ${statusText(status)}`);
  }

  /** An answer of an HTTP request, as evidence; the text must fit. */
  expectAnswer(what: string, answer: Answer, status: number, text?: string | RegExp): void {
    const found = difference(answer, { status, ...(text === undefined ? {} : { text }) });
    if (found !== undefined) fail(`${what} was answered ${answerText(answer)}: ${found}`);
    this.saw(`${what} was answered ${answerText(answer)}`);
  }

  /** An id with the check's own beginning. */
  id(name: string): string {
    return `${this.#checkId.toLowerCase()}-${name}`;
  }

  /** The description of a framework of this check. */
  info(more: Partial<FrameworkInfo> = {}): FrameworkInfo {
    return { ...this.means.info, name: `mesos-conformance ${this.#checkId}`, ...more };
  }

  /** A framework that is not subscribed yet; it is ended with the check. */
  newFramework(more: Partial<FrameworkInfo> = {}): Framework {
    const { url, access, slack } = this.means;
    const trace = (line: string) => this.note(line);
    const framework = new Framework(
      { url, access, slack, trace, signal: this.signal },
      this.info(more),
    );
    this.#frameworks.push(framework);
    return framework;
  }

  /** A subscribed framework that gets offers. */
  framework(more: Partial<FrameworkInfo> = {}): Promise<Framework> {
    return this.newFramework(more).subscribe();
  }

  /** How a framework subscribes that gets no offers. */
  get quietly(): SubscribeOptions {
    return { suppressed: [this.means.role] };
  }

  /** A subscribed framework that gets no offers. */
  quietFramework(more: Partial<FrameworkInfo> = {}): Promise<Framework> {
    return this.newFramework(more).subscribe(this.quietly);
  }

  /** A framework with one whole offer of each agent. */
  async withOffers(count = 1): Promise<{ framework: Framework; offers: readonly Offer[] }> {
    this.needAgents(count);
    const framework = await this.framework();
    return { framework, offers: await wholeOffers(framework, this.agents, this.means.role) };
  }

  /** A framework that holds one whole offer of one agent and has declined all others. */
  async withOffer(): Promise<{ framework: Framework; offer: Offer }> {
    const { framework, offers } = await this.withOffers();
    const [offer, ...others] = offers;
    if (offer === undefined) fail("no agent is offered");
    await framework.decline(others, 3_600);
    return { framework, offer };
  }

  needAgents(count: number): void {
    if (this.agents.length < count)
      notApplicable(`needs ${count} agents, there is ${this.agents.length}`);
  }

  task(offer: Pick<Offer, "agent_id">, taskId: string, options: TaskOptions = {}): TaskInfo {
    return taskOn(this.means.tasks, offer, taskId, options);
  }

  executor(framework: Framework, agentId: string, executorId: string): ExecutorHandle {
    const { station, slack } = this.means;
    const key = `${framework.frameworkId}/${executorId}`;
    return {
      key,
      notes: () => station.notes(key),
      note: (fits, what, withinMs = patienceMs) =>
        waitFor(() => station.notes(key).find(fits), {
          withinMs: withinMs * slack,
          what: () =>
            station.notes(key).length > 0
              ? `${what} noted by ${executorId}`
              : `${what} noted by ${executorId}, of which nothing is heard (do agents reach ${station.url}, and is there a Node.js? --advertise, --node, --serve-node)`,
          signal: this.signal,
        }),
      say: (command) =>
        framework.send({
          type: "MESSAGE",
          message: {
            agent_id: { value: agentId },
            executor_id: { value: executorId },
            data: Buffer.from(JSON.stringify(command)).toString("base64"),
          },
        }),
    };
  }

  /** One request to the scheduler endpoint with exactly these headers. */
  async request(what: string, request: Request): Promise<Answer> {
    this.note(`sent ${what}`);
    const answer = await sendRequest(this.means.url, this.means.access, request);
    this.note(`answered ${answerText(answer)}`);
    return answer;
  }

  /** A JSON body to the scheduler endpoint. */
  post(
    what: string,
    body: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    return this.request(what, {
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  }

  pause(ms: number): Promise<void> {
    return pause(ms, this.signal);
  }

  /** Waits until `look` has a value. */
  until<T>(
    look: () => T | undefined | Promise<T | undefined>,
    what: string,
    withinMs = patienceMs,
  ) {
    const { slack } = this.means;
    return waitFor(look, { withinMs: withinMs * slack, what, signal: this.signal, everyMs: 50 });
  }

  /** Ends every framework of the check, with all its tasks. */
  async end(): Promise<void> {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), endMsMax * this.means.slack);
    await Promise.all(
      this.#frameworks.map(async (framework) => {
        framework.signal = controller.signal;
        await this.#endFramework(framework, controller.signal).catch((error: unknown) => {
          this.note(`not torn down: ${String(error)}`);
        });
        framework.close();
      }),
    );
    clearTimeout(timer);
  }

  /** TEARDOWN, in a new session when there is none; returns when the master has ended the stream. */
  async #endFramework(framework: Framework, signal: AbortSignal): Promise<void> {
    if (framework.frameworkId === "") return;
    const isRemoved = () => framework.heard.at(-1)?.event.error !== undefined;
    if (framework.isEnded && isRemoved()) return;
    if (framework.isEnded) await framework.subscribe(this.quietly);
    if (isRemoved()) return;
    await framework.call({ type: "TEARDOWN" });
    while (!framework.isEnded) await pause(10, signal);
  }
}
