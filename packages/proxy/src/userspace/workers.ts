/**
 * Owns the userspace plane of several processes: the workers, their orders, the replacing of one that has died, the sums
 * of their counters. node:cluster accepts here and hands each connection to the next worker in turn: those of Redis live
 * long, so an even division is worth a dearer accept. Not: what a worker does (worker.ts). Called by plane.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import cluster, { type Worker } from "node:cluster";
import { MrrError } from "@mr-redis/core";
import type {
  DataPlane,
  PlaneOptions,
  PlaneSettings,
  Route,
  RouteCounters,
  RouteState,
} from "../routes.js";
import { SecureFront } from "./secure.js";
import { addEnded, addStates } from "./worker-counters.js";
import type { WorkerAnswer, WorkerOrder } from "./worker-words.js";

/** Before a worker that has died is replaced: one that dies at once is no busy loop. */
const replaceMs = 200;

/**
 * Longest wait for an answer of a worker, and what each route of a change adds to it. Then it is killed where it had to cut
 * connections: nobody knows that it has, and the others go on.
 */
const answerMsMax = 5_000;
const answerMsPerRoute = 1;

/** One process. */
interface Member {
  readonly worker: Worker;
  /** What is waited for, by id. */
  readonly asked: Map<number, (answer: WorkerAnswer | null) => void>;
  /** Routes that it cannot serve. */
  readonly problems: Map<string, string>;
  states: readonly RouteState[];
  /** Orders that are sent once it hears them; null: it does. */
  held: WorkerOrder[] | null;
}

type Asked = Extract<WorkerOrder, { readonly id: number }>;
type Question = Asked extends infer One ? (One extends Asked ? Omit<One, "id"> : never) : never;

/** See the head of this file. */
export class WorkersPlane implements DataPlane {
  readonly kind = "userspace";
  readonly #options: PlaneOptions;
  readonly #secure: SecureFront;
  readonly #members = new Set<Member>();
  readonly #routes = new Map<string, Route>();
  readonly #ended = new Map<string, RouteCounters>();
  /** Routes whose problem was told. */
  readonly #problems = new Map<string, string>();
  #settings: PlaneSettings;
  #lastId = 0;
  /** Changes are made one after the other. */
  #last: Promise<void> = Promise.resolve();
  #isClosed = false;

  /** Throws MrrError `config-invalid` when the certificate cannot be used. */
  constructor(options: PlaneOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#secure = new SecureFront(options.clock);
    const problem = this.#secure.use(options.settings.tls);
    if (problem !== null) {
      throw new MrrError("config-invalid", `the certificate for clients: ${problem}`);
    }
    cluster.schedulingPolicy = cluster.SCHED_RR;
    cluster.setupPrimary({ args: [] });
    for (let count = 0; count < options.workers; count += 1) this.#start();
  }

  apply(routes: readonly Route[]): Promise<void> {
    return this.#then(async () => {
      const names = new Set(routes.map(({ name }) => name));
      const removed = [...this.#routes.keys()].filter((name) => !names.has(name));
      await this.#change(routes, removed);
    });
  }

  change(changed: readonly Route[], removed: readonly string[]): Promise<void> {
    return this.#then(() => this.#change(changed, removed));
  }

  configure(settings: PlaneSettings): void {
    const problem = this.#secure.use(settings.tls);
    const { tls } = problem === null ? settings : this.#settings;
    this.#settings = { ...settings, tls };
    for (const member of this.#members) {
      this.#send(member, { type: "configure", settings: this.#share() });
    }
    if (problem === null) return;
    const text = "The new certificate cannot be used; the old one stays";
    this.#options.watcher.log("warn", text, { problem });
  }

  async states(): Promise<readonly RouteState[]> {
    const answers = [...this.#members].map(async (member) => {
      const answer = await this.#ask(member, { type: "states" });
      if (answer?.type === "states") member.states = answer.states;
      return member.states;
    });
    return addStates(this.#routes, this.#ended, await Promise.all(answers));
  }

  close(): Promise<void> {
    return this.#then(async () => {
      this.#isClosed = true;
      const members = [...this.#members];
      await Promise.all(members.map((member) => this.#ask(member, { type: "close" })));
      await Promise.all(members.map(({ worker }) => ended(worker)));
    });
  }

  #then(step: () => Promise<void>): Promise<void> {
    const done = this.#last.then(step);
    // What comes next is made whatever became of this one.
    this.#last = done.catch(() => {});
    return done;
  }

  async #change(changed: readonly Route[], removed: readonly string[]): Promise<void> {
    for (const name of removed) {
      this.#routes.delete(name);
      this.#ended.delete(name);
      this.#problems.delete(name);
      for (const { problems } of this.#members) problems.delete(name);
    }
    for (const route of changed) this.#routes.set(route.name, route);
    const order = { type: "change", changed, removed } as const;
    const msMax = answerMsMax + changed.length * answerMsPerRoute;
    const members = [...this.#members];
    await Promise.all(
      members.map(async (member) => {
        const answer = await this.#ask(member, order, msMax);
        if (answer === null) member.worker.process.kill("SIGKILL");
      }),
    );
  }

  /** Each worker holds its part of the clients of a route, rounded up; files are counted for each process. */
  #share(): PlaneSettings {
    const { clientsMax } = this.#settings;
    return { ...this.#settings, clientsMax: Math.ceil(clientsMax / this.#options.workers) };
  }

  #start(): void {
    const worker = cluster.fork();
    const member: Member = { worker, asked: new Map(), problems: new Map(), states: [], held: [] };
    this.#members.add(member);
    worker.on("message", (answer: WorkerAnswer) => this.#heard(member, answer));
    worker.on("error", () => {});
    worker.once("exit", (code, signal) => this.#left(member, code, signal));
    this.#send(member, { type: "begin", settings: this.#share() });
    if (this.#routes.size === 0) return;
    // It serves as the others do from now on; nobody waits for it.
    this.#ask(member, { type: "apply", routes: [...this.#routes.values()] });
  }

  #left(member: Member, code: number, signal: string | null): void {
    this.#members.delete(member);
    addEnded(
      this.#ended,
      member.states.filter(({ route }) => this.#routes.has(route.name)),
    );
    for (const answered of [...member.asked.values()]) answered(null);
    if (this.#isClosed) return;
    const { clock, watcher } = this.#options;
    watcher.log("warn", "A worker has died; another one takes its place", {
      ...{ pid: member.worker.process.pid, code, signal },
    });
    clock.after(replaceMs, () => {
      if (!this.#isClosed) this.#start();
    });
  }

  #heard(member: Member, answer: WorkerAnswer): void {
    const { watcher } = this.#options;
    if (answer.type === "log") watcher.log(answer.level, answer.message, answer.fields);
    else if (answer.type === "ready") {
      const { held } = member;
      member.held = null;
      for (const order of held ?? []) this.#send(member, order);
    } else if (answer.type === "problem") this.#tellProblem(member, answer.route, answer.problem);
    else member.asked.get(answer.id)?.(answer);
  }

  /** Told once for all workers: when the first has it, and when none has it any more. */
  #tellProblem(member: Member, { name }: Route, problem: string | null): void {
    if (problem === null) member.problems.delete(name);
    else member.problems.set(name, problem);
    const route = this.#routes.get(name);
    const left = [...this.#members].map(({ problems }) => problems.get(name)).find(Boolean) ?? null;
    if (route === undefined || (left !== null) === this.#problems.has(name)) return;
    if (left === null) this.#problems.delete(name);
    else this.#problems.set(name, left);
    this.#options.watcher.problem(route, left);
  }

  #send({ worker, held }: Member, order: WorkerOrder): void {
    if (held !== null) held.push(order);
    else if (worker.isConnected()) worker.send(order, () => {});
  }

  /** null: it has gone, or it does not answer in time. Never rejects. */
  #ask(member: Member, question: Question, msMax = answerMsMax): Promise<WorkerAnswer | null> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve) => {
      const answered = (answer: WorkerAnswer | null): void => {
        limit.cancel();
        member.asked.delete(id);
        resolve(answer);
      };
      const limit = this.#options.clock.after(msMax, () => answered(null));
      member.asked.set(id, answered);
      if (member.worker.isConnected()) this.#send(member, { ...question, id });
      else answered(null);
    });
  }
}

/** Ends a worker that has closed its plane, or that did not in time. */
const ended = (worker: Worker): Promise<void> =>
  new Promise((resolve) => {
    if (worker.isDead()) {
      resolve();
      return;
    }
    worker.once("exit", () => resolve());
    worker.process.kill("SIGKILL");
  });
