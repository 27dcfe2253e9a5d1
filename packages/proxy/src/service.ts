/**
 * Owns the running proxy: plane, admin routes, entries, follower and state file, put together; what changes while it runs.
 * Not: the command line, signals and exit codes (main.ts). Called by main.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { type Clock, MrrError, type Timer } from "@mr-redis/core";
import { type Admin, startAdmin, type UpdateOutcome } from "./admin.js";
import { liveKeys, type ProxyConfig } from "./config.js";
import { changeEntries } from "./entry-changes.js";
import { Follower } from "./follow/follower.js";
import type { RequestAccess } from "./follow/request.js";
import { Routing } from "./follow/routing.js";
import { readSaved, StateFile } from "./follow/state-file.js";
import { Topology } from "./follow/topology.js";
import { openPlane } from "./kernel/choose.js";
import type { Log } from "./log.js";
import { openFilesMax, planOpenFiles } from "./open-files.js";
import { type Readiness, readinessOf } from "./readiness.js";
import type { DataPlane, HostPort, PlaneSettings, Route, TlsMaterial } from "./routes.js";
import { hostPortText } from "./routes.js";

/**
 * So long after a start nobody is led to what the state file says while a scheduler may still say better: an address in it
 * may be that of another instance by now. A scheduler that lives answers within milliseconds.
 */
const recallMsMax = 2_000;

/** What the service needs. */
export interface ServiceOptions {
  readonly config: ProxyConfig;
  /** Where the last known topology is kept; null: nowhere. */
  readonly stateFile: string | null;
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1). */
  readonly random: () => number;
  /** What schedulers are sent, and who vouches for them; default: nothing, and whom Node trusts. */
  readonly access?: Pick<RequestAccess, "headers" | "ca">;
  /** Longest wait for a scheduler before the state file counts; default 2 s, tests have other ones. */
  readonly recallMsMax?: number;
}

const readTls = async (tls: ProxyConfig["tls"]): Promise<TlsMaterial | null> => {
  if (tls === null) return null;
  try {
    const [cert, key] = await Promise.all([
      readFile(tls.certFile, "utf8"),
      readFile(tls.keyFile, "utf8"),
    ]);
    // A key that is not the certificate's is refused here.
    createSecureContext({ cert, key });
    return { cert, key };
  } catch (error) {
    throw new MrrError("config-invalid", `TlsCert, TlsKey: ${(error as Error).message}`);
  }
};

/** See the head of this file. */
export class Service {
  readonly #options: ServiceOptions;
  readonly #topology: Topology;
  readonly #routing: Routing;
  readonly #plane: DataPlane;
  readonly #state: StateFile | null;
  readonly #filesMax: number | null;
  #config: ProxyConfig;
  #tls: TlsMaterial | null;
  #entries: ReadonlyMap<string, Route>;
  #follower: Follower | null = null;
  #admin: Admin | null = null;
  #savedAtMs: number | null = null;
  #recalled: Timer | null = null;
  #routes = 0;
  #remedy: string | null = null;

  private constructor(
    options: ServiceOptions,
    plane: DataPlane,
    tls: TlsMaterial | null,
    filesMax: number | null,
  ) {
    const { config, clock, log, stateFile } = options;
    this.#options = options;
    this.#plane = plane;
    this.#config = config;
    this.#tls = tls;
    this.#filesMax = filesMax;
    this.#entries = new Map(config.routes.map((route) => [route.name, route]));
    this.#topology = new Topology(
      config.bind,
      config.routes.map(({ listen }) => listen.port),
    );
    this.#state =
      stateFile === null
        ? null
        : new StateFile(
            stateFile,
            clock,
            () => this.#topology.instances(),
            (error) =>
              log.error({ stateFile, err: error }, "the last known topology cannot be kept"),
          );
    this.#routing = new Routing({
      plane,
      topology: this.#topology,
      clock,
      log,
      touched: () => {
        this.#state?.touch();
        this.#count();
      },
    });
  }

  /** Starts it; rejects with an MrrError where it cannot be (`port-taken`, `config-invalid`, no such plane). */
  static async start(options: ServiceOptions): Promise<Service> {
    const { config, clock, log } = options;
    const tls = await readTls(config.tls);
    const filesMax = await openFilesMax();
    const plan = planOpenFiles(filesMax, config.routes.length, config.clientsMax);
    const plane = await openPlane(
      config.plane === "auto" && tls !== null ? "userspace" : config.plane,
      {
        clock,
        settings: settingsOf(config, plan.clientsTotalMax, tls),
        workers: config.workers,
        watcher: {
          problem: (route, problem) => {
            const fields = { route: route.name, listen: hostPortText(route.listen) };
            if (problem === null) log.info(fields, "the route is served again");
            else log.error({ ...fields, problem }, "the route is not served");
          },
          log: (level, message, fields = {}) => log[level](fields, message),
        },
      },
    );
    const service = new Service(options, plane, tls, filesMax);
    try {
      await service.#begin();
    } catch (error) {
      await service.close();
      throw error;
    }
    return service;
  }

  /** Takes what may change while it runs from a configuration that was read anew; the rest is named in the log. */
  async reload(config: ProxyConfig): Promise<void> {
    const { log } = this.#options;
    const before = this.#config;
    const tls = await readTls(config.tls);
    const fixed = (Object.keys(before) as (keyof ProxyConfig)[]).filter(
      (key) =>
        key !== "warnings" &&
        !liveKeys.includes(key) &&
        JSON.stringify(before[key]) !== JSON.stringify(config[key]),
    );
    if (fixed.length > 0) log.warn({ keys: fixed }, "these count from the next start");
    const { clientsMax, targetWaitMs } = config;
    this.#config = { ...before, clientsMax, targetWaitMs, routes: config.routes, tls: config.tls };
    // Plain and TLS are not the same address for a client; who changes that starts anew.
    if ((tls === null) === (this.#tls === null)) this.#tls = tls;
    else log.warn({ keys: ["tls"] }, "these count from the next start");
    this.#configure();
    await this.#changeEntries(before.routes, config.routes);
    log.info(
      { clientsMax, targetWaitMs, entries: this.#entries.size },
      "the configuration was read",
    );
  }

  /** Ends everything that it began; idempotent. */
  async close(): Promise<void> {
    this.#recalled?.cancel();
    this.#routing.close();
    await this.#follower?.close();
    await Promise.all([this.#plane.close(), this.#admin?.close(), this.#state?.close()]);
  }

  async #begin(): Promise<void> {
    const { config, stateFile, clock, log, random } = this.#options;
    this.#admin = await startAdmin(
      {
        states: () => this.#plane.states(),
        update: (name, target) => this.#update(name, target),
        readiness: () => this.#readiness(),
      },
      { host: config.httpBind, port: config.httpPort },
    );
    this.#configure();
    const live = this.#routing.change({ changed: config.routes, removed: [] });
    if (stateFile !== null) await this.#recall(stateFile);
    if (config.schedulers.length > 0) {
      this.#follower = new Follower({
        urls: config.schedulers,
        clock,
        log,
        random,
        ...this.#options.access,
        sink: (events) => this.#routing.hear(events),
        unheard: () => this.#routing.release(),
      });
    }
    await live;
    await this.#routing.settled();
    const { clientsTotalMax, text } = planOpenFiles(
      this.#filesMax,
      this.#routes,
      config.clientsMax,
    );
    const { kind } = this.#plane;
    log.info(
      { plane: kind, routes: this.#routes, clientsTotalMax, openFiles: text, stateFile },
      "serving",
    );
  }

  /** What was known when this program last ran counts, once no scheduler has said better, until one says it all anew. */
  async #recall(path: string): Promise<void> {
    const { clock, log } = this.#options;
    const saved = await readSaved(path);
    if (saved === null) return;
    if (!saved.ok) {
      const [problem] = saved.problems;
      log.warn({ stateFile: path, problem }, "the last known topology cannot be used");
      return;
    }
    const { instances, savedAtMs } = saved.value;
    this.#savedAtMs = savedAtMs;
    this.#routing.recall(instances);
    this.#count();
    const waitMs = this.#options.recallMsMax ?? recallMsMax;
    this.#recalled = clock.after(waitMs, () => this.#routing.release());
    const savedAt = new Date(savedAtMs).toISOString();
    log.info({ instances: instances.length, savedAt }, "what was last known was read");
  }

  async #changeEntries(before: readonly Route[], now: readonly Route[]): Promise<void> {
    const { log } = this.#options;
    const refused = new Set(this.#topology.reserve(now.map(({ listen }) => listen.port)));
    for (const { name, listen } of now) {
      if (!refused.has(listen.port)) continue;
      const problem = `port ${listen.port} is that of an instance`;
      log.error({ route: name, listen: hostPortText(listen), problem }, "the route is not served");
    }
    const { entries, ...changes } = changeEntries(this.#entries, before, now, refused);
    this.#entries = entries;
    await this.#routing.change(changes);
    this.#count();
  }

  async #update(name: string, target: HostPort): Promise<UpdateOutcome> {
    const route = this.#entries.get(name);
    if (route === undefined) return this.#isFollowed(name) ? "followed" : "unknown";
    const led = { ...route, targets: [target] };
    this.#entries = new Map([...this.#entries, [name, led]]);
    await this.#routing.change({ changed: [led], removed: [] });
    return "done";
  }

  #isFollowed(name: string): boolean {
    const instance = name.replace(/\/(?:write|read)$/, "");
    return this.#topology.has(instance);
  }

  #readiness(): Readiness {
    return readinessOf({
      follow: this.#follower?.status() ?? null,
      savedAtMs: this.#savedAtMs,
      instances: this.#topology.count,
      problems: this.#topology.problems().size,
      entries: this.#entries.size,
      plane: this.#plane.kind,
      nowMs: this.#options.clock.nowMs(),
    });
  }

  /** More routes leave fewer files for clients. */
  #count(): void {
    const routes = this.#entries.size + this.#topology.routesCount;
    if (routes === this.#routes) return;
    this.#configure();
  }

  #configure(): void {
    this.#routes = this.#entries.size + this.#topology.routesCount;
    const { clientsMax } = this.#config;
    const { clientsTotalMax, text, remedy } = planOpenFiles(
      this.#filesMax,
      this.#routes,
      clientsMax,
    );
    this.#plane.configure(settingsOf(this.#config, clientsTotalMax, this.#tls));
    // The kernel plane has no file for a client.
    const isNew = remedy !== null && this.#remedy === null && this.#plane.kind === "userspace";
    if (isNew) this.#options.log.warn({ openFiles: text, remedy }, "few open files are allowed");
    this.#remedy = remedy;
  }
}

const settingsOf = (
  { clientsMax, targetWaitMs }: ProxyConfig,
  clientsTotalMax: number,
  tls: TlsMaterial | null,
): PlaneSettings => ({ clientsMax, clientsTotalMax, targetWaitMs, tls });
