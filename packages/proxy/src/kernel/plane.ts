/**
 * Owns the kernel data plane: keeps our table in the kernel equal to the routes, cuts connections whose target is one no more,
 * and puts everything back at the end. Whatever the kernel cannot lead (no target now, IPv6, a name, a host that does not
 * forward) is carried by the userspace plane, which listens on every port beneath the rules.
 * Not: the table (table.ts), what is led where (leads.ts), the cutting itself (flows.ts). Called by choose.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Clock, MrrError, type Timer } from "@mr-redis/core";
import type {
  DataPlane,
  PlaneMaker,
  PlaneOptions,
  PlaneSettings,
  Route,
  RouteState,
} from "../routes.js";
import { openUserspacePlane } from "../userspace/plane.js";
import { type Flow, forget, listFlows, type Pair, tellClients, tellTargets } from "./flows.js";
import { goneOf, hostOf, type Lead, type LeadTarget, leadOf, noLead } from "./leads.js";
import { type HostLock, takeLock } from "./lock.js";
import type { Layout, PortChange } from "./rules.js";
import { type HostRouting, hostRouting, kernelProblem } from "./support.js";
import { KernelTable } from "./table.js";
import { runTool, type ToolRunner } from "./tools.js";

/** Between two looks whether the table is still there (a firewall that is loaded anew flushes all) and the host still forwards. */
const checkMs = 10_000;

/** More pairs than this, and the connections are listed first: most pairs have none, and each deletion is a call. */
const pairsUnseenMax = 8;

/** Longest time that an end waits until both ends of each connection are told. */
const closeMsMax = 3_000;

/** Until a cut that the kernel refused is tried again; doubles. */
const againMsFirst = 1_000;

const againMsMax = 10_000;

/** Cuts of one such try: each is a call, and changes wait behind them. */
const againPairsMax = 64;

/** Cuts that are remembered to be tried again; only a host without conntrack has as many. */
const uncutMax = 100_000;

/** Connections whose ends are being told; those of more are cut without a word, and find out when they next send. */
const untoldMax = 50_000;

/** One port in the table. */
interface Port {
  readonly route: Route;
  readonly lead: Lead;
  /** Targets that connections of it may lead to. */
  readonly led: readonly LeadTarget[];
}

const pairKey = ({ port, target }: Pair): string => `${port} ${target.ip}:${target.port}`;

/** See the head of this file. @internal */
export class KernelPlane implements DataPlane {
  readonly kind = "kernel";
  readonly #run: ToolRunner;
  readonly #clock: Clock;
  readonly #lock: HostLock;
  readonly #log: PlaneOptions["watcher"]["log"];
  readonly #under: DataPlane;
  readonly #table: KernelTable;
  /** Routes whose port another program has: it is not ours to lead elsewhere. */
  readonly #broken: Set<string>;
  #routing: HostRouting;
  #settings: PlaneSettings;
  readonly #routes = new Map<string, Route>();
  readonly #ports = new Map<number, Port>();
  readonly #cuts = new Map<string, number>();
  /** Connections to be cut all the same: the kernel refused it, or the table may have led there for longer. */
  readonly #uncut = new Map<string, Pair>();
  /** Connections of an ended proxy could not be listed. */
  #isStale = false;
  #againMs = againMsFirst;
  #again: Timer | null = null;
  /** Servers on other hosts were led to. */
  #isRemote = false;
  #isClosed = false;
  #last: Promise<unknown> = Promise.resolve();
  #telling: Promise<void> = Promise.resolve();
  #told: Promise<void> = Promise.resolve();
  #untold = 0;
  #timer: Timer | null = null;

  constructor(parts: {
    readonly run: ToolRunner;
    readonly lock: HostLock;
    readonly options: PlaneOptions;
    readonly under: DataPlane;
    readonly broken: Set<string>;
    readonly routing: HostRouting;
  }) {
    this.#run = parts.run;
    this.#lock = parts.lock;
    this.#clock = parts.options.clock;
    this.#log = (...line) => parts.options.watcher.log(...line);
    this.#table = new KernelTable(parts.run, this.#log);
    this.#settings = parts.options.settings;
    this.#under = parts.under;
    this.#broken = parts.broken;
    this.#routing = parts.routing;
    this.#watch();
  }

  apply(routes: readonly Route[]): Promise<void> {
    return this.#above(this.#under.apply(routes), () => {
      const names = new Set(routes.map(({ name }) => name));
      const removed = [...this.#routes.keys()].filter((name) => !names.has(name));
      return this.#lead(routes, removed);
    });
  }

  change(changed: readonly Route[], removed: readonly string[]): Promise<void> {
    const under = this.#under.change(changed, removed);
    return this.#above(under, () => this.#lead(changed, removed));
  }

  /**
   * The userspace plane keeps the order of its changes itself: clients that wait for a master get it at once, not behind
   * calls of nft and conntrack for the change before. Whatever becomes of its change, the kernel makes its own.
   */
  #above(under: Promise<void>, act: () => Promise<void>): Promise<void> {
    const settled = Promise.allSettled([under]);
    return this.#serially(async () => {
      await settled;
      await act();
      await under;
    });
  }

  configure(settings: PlaneSettings): void {
    const had = this.#settings.tls !== null;
    this.#settings = settings;
    this.#under.configure(settings);
    const has = settings.tls !== null;
    if (had === has) return;
    if (has) this.#log("warn", "userspace carries everything: the kernel cannot speak TLS");
    void this.#serially(() => this.#lead([...this.#routes.values()], []));
  }

  async states(): Promise<readonly RouteState[]> {
    const [states, countersOf, flows] = await Promise.all([
      this.#under.states(),
      this.#table.counters(),
      listFlows(this.#run),
    ]);
    const open = new Map<number, number>();
    for (const flow of flows ?? []) {
      const led = this.#ports.get(flow.port)?.led ?? [];
      const isOurs = led.some(({ ip, port }) => ip === flow.target.ip && port === flow.target.port);
      if (isOurs && flow.stage === "open") open.set(flow.port, (open.get(flow.port) ?? 0) + 1);
    }
    return states.map(({ route, problem, counters }) => {
      const { port } = route.listen;
      const led = countersOf(port);
      return {
        route,
        problem,
        counters: {
          ...counters,
          accepted: counters.accepted + led.connections,
          open: counters.open + (open.get(port) ?? 0),
          bytesUp: counters.bytesUp + led.bytesUp,
          bytesDown: counters.bytesDown + led.bytesDown,
          cuts: counters.cuts + (this.#cuts.get(route.name) ?? 0),
        },
      };
    });
  }

  close(): Promise<void> {
    return this.#serially(async () => {
      if (this.#isClosed) return;
      this.#isClosed = true;
      this.#timer?.cancel();
      this.#again?.cancel();
      // Probes need the table, new connections must not find their way any more.
      await this.#table.empty();
      await this.#cut(this.#pairs());
      await new Promise<void>((resolve) => {
        const limit = this.#clock.after(closeMsMax, resolve);
        void this.#told.then(() => limit.cancel()).then(resolve);
      });
      await this.#table.remove();
      await this.#under.close();
      await this.#lock.release();
    });
  }

  /** A route got its port, or lost it. */
  relead(name: string): void {
    void this.#serially(async () => {
      const route = this.#routes.get(name);
      if (route !== undefined && !this.#isClosed) await this.#lead([route], []);
    });
  }

  #serially<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#last.then(act);
    this.#last = done.catch(() => {});
    return done;
  }

  /** All that may have connections. */
  #pairs(): Pair[] {
    return [...this.#ports].flatMap(([port, { led }]) => led.map((target) => ({ port, target })));
  }

  #leadOf(route: Route, host: string | null): Lead {
    const isOurs = !this.#broken.has(route.name) && this.#settings.tls === null;
    return isOurs ? leadOf(route, host) : noLead;
  }

  /** Brings the table to the routes; then cuts. The userspace plane has them already. */
  async #lead(changed: readonly Route[], removed: readonly string[]): Promise<void> {
    if (this.#isClosed) return;
    const changes: PortChange[] = [];
    const gone: Pair[] = [];
    const goes = (name: string, listens?: number): void => {
      const port = this.#routes.get(name)?.listen.port;
      if (port === undefined || port === listens) return;
      const had = this.#ports.get(port);
      if (had?.route.name !== name) return;
      this.#ports.delete(port);
      changes.push({ port, before: had.lead, after: undefined });
      gone.push(...had.led.map((target) => ({ port, target })));
    };
    for (const name of removed) {
      goes(name);
      this.#routes.delete(name);
      this.#cuts.delete(name);
    }
    for (const route of changed) goes(route.name, route.listen.port);
    const host = this.#ports.size === 0 ? hostOf(changed) : (this.#table.layout?.host ?? null);
    for (const route of changed) {
      const { port } = route.listen;
      const had = this.#ports.get(port);
      const lead = this.#leadOf(route, host);
      const left = goneOf(had?.led ?? [], route);
      const stays = (had?.led ?? []).filter((target) => !left.includes(target));
      const isKnown = ({ ip, port }: LeadTarget): boolean =>
        stays.some((one) => one.ip === ip && one.port === port);
      const led = [...stays, ...lead.targets.filter((target) => !isKnown(target))];
      this.#isRemote ||= lead.reach === "net" && lead.targets.length > 0;
      this.#routes.set(route.name, route);
      this.#ports.set(port, { route, lead, led });
      changes.push({ port, before: had?.lead, after: lead });
      gone.push(...left.map((target) => ({ port, target })));
    }
    const made = await this.#table.change(changes, this.#layoutOf(host), () => this.#everything());
    if (made === "left") await this.#cutStale();
    await this.#cut(gone);
    if (made === "failed") this.#keepUncut(gone);
  }

  #layoutOf(host: string | null): Layout {
    const { forwards, routesLocalnet } = this.#routing;
    return { host, forwards, routesLocalnet, remote: this.#isRemote };
  }

  #everything(): PortChange[] {
    return [...this.#ports].map(([port, { lead }]) => ({ port, before: undefined, after: lead }));
  }

  /** What a killed proxy led, and what should have been cut while none ran. */
  async #cutStale(): Promise<void> {
    const stale: Pair[] = [];
    const flows = await listFlows(this.#run);
    this.#isStale = flows === null;
    if (this.#isStale) this.#later();
    for (const { port, target } of flows ?? []) {
      const known = this.#ports.get(port);
      if (known === undefined) continue;
      if (goneOf([target], known.route).length > 0) stale.push({ port, target });
      else if (!known.led.some((one) => one.ip === target.ip && one.port === target.port)) {
        this.#ports.set(port, { ...known, led: [...known.led, target] });
      }
    }
    await this.#cut(stale);
  }

  async #cut(pairs: readonly Pair[]): Promise<void> {
    const unique = new Map(pairs.map((pair) => [pairKey(pair), pair]));
    if (unique.size > pairsUnseenMax) {
      const flows = await listFlows(this.#run);
      const seen = new Set(flows?.map(pairKey));
      if (flows !== null) for (const key of unique.keys()) if (!seen.has(key)) unique.delete(key);
    }
    if (unique.size === 0) return;
    const { flows, left, problems } = await forget(this.#run, [...unique.values()]);
    for (const problem of problems.slice(0, 1)) {
      const fields = { problem, count: problems.length };
      this.#log(
        "warn",
        "connections of a former target could not be cut; it is tried again",
        fields,
      );
    }
    this.#keepUncut(left);
    this.#countCuts(flows);
    this.#tell(flows.filter(({ stage }) => stage === "open"));
  }

  #keepUncut(pairs: readonly Pair[]): void {
    for (const pair of pairs) if (this.#uncut.size < uncutMax) this.#uncut.set(pairKey(pair), pair);
    if (pairs.length > 0) this.#later();
  }

  #later(): void {
    if (this.#isClosed) return;
    this.#again ??= this.#clock.after(this.#againMs, () => {
      this.#again = null;
      this.#againMs = Math.min(againMsMax, 2 * this.#againMs);
      void this.#serially(() => this.#cutAgain());
    });
  }

  /** What should have been cut before now, unless it is a target again. */
  async #cutAgain(): Promise<void> {
    if (this.#isClosed) return;
    // As long as an old table may lead there, more of them come.
    if (this.#table.layout === null && this.#ports.size > 0) await this.#check();
    if (this.#isStale) await this.#cutStale();
    const pairs = [...this.#uncut.values()].slice(0, againPairsMax);
    for (const pair of pairs) this.#uncut.delete(pairKey(pair));
    const due = pairs.filter(({ port, target }) => {
      return goneOf([target], this.#ports.get(port)?.route).length > 0;
    });
    await this.#cut(due);
    if (this.#table.layout === null && this.#ports.size > 0) this.#keepUncut(due);
    if (this.#uncut.size > 0 || this.#isStale) this.#later();
    else this.#againMs = againMsFirst;
  }

  #tell(flows: readonly Flow[]): void {
    const count = flows.length;
    if (count === 0) return;
    if (this.#untold + count > untoldMax) {
      this.#log("warn", "too many connections were cut at once to tell their ends", { count });
      return;
    }
    this.#untold += count;
    this.#telling = this.#telling.then(() => tellClients(this.#run, this.#clock, flows));
    const told = this.#telling
      .then(() => tellTargets(this.#clock, flows))
      .finally(() => {
        this.#untold -= count;
      });
    this.#told = Promise.allSettled([this.#told, told]).then(() => {});
  }

  #countCuts(flows: readonly Flow[]): void {
    for (const { port, stage } of flows) {
      const name = this.#ports.get(port)?.route.name;
      if (stage !== "open" || name === undefined) continue;
      this.#cuts.set(name, (this.#cuts.get(name) ?? 0) + 1);
    }
  }

  #watch(): void {
    this.#timer = this.#clock.after(checkMs, () => {
      void this.#serially(() => this.#check()).finally(() => {
        if (!this.#isClosed) this.#watch();
      });
    });
  }

  async #check(): Promise<void> {
    if (this.#isClosed || this.#ports.size === 0) return;
    const before = this.#routing;
    this.#routing = await hostRouting(this.#run);
    const { forwards, forwardsNot: because, routesLocalnet } = this.#routing;
    const isSame = before.forwards === forwards && before.routesLocalnet === routesLocalnet;
    if (isSame && (await this.#table.isThere())) return;
    if (!isSame) this.#log("info", "the host forwards otherwise now", { forwards, because });
    else this.#log("warn", "the table of the kernel plane was gone; it is made anew");
    const { layout } = this.#table;
    const host = layout === null ? hostOf([...this.#routes.values()]) : layout.host;
    await this.#table.make(this.#layoutOf(host), this.#everything());
  }
}

/** As {@link openKernelPlane}, with tools of the caller's. @internal */
export async function openKernelPlaneWith(
  run: ToolRunner,
  options: PlaneOptions,
): Promise<DataPlane> {
  if (options.settings.tls !== null) {
    throw new MrrError("config-invalid", "the kernel plane cannot speak TLS: use userspace for it");
  }
  const problem = await kernelProblem(run);
  if (problem !== null) throw new MrrError("config-invalid", `no kernel plane: ${problem}`);
  const lock = await takeLock();
  if (lock === null) {
    const text = "no kernel plane: another mrr-proxy has the kernel plane of this host";
    throw new MrrError("port-taken", text);
  }
  try {
    const routing = await hostRouting(run);
    const broken = new Set<string>();
    let plane: KernelPlane | null = null;
    const under = await openUserspacePlane({
      ...options,
      watcher: {
        log: (...line) => options.watcher.log(...line),
        problem(route, text) {
          if (text === null) broken.delete(route.name);
          else broken.add(route.name);
          plane?.relead(route.name);
          options.watcher.problem(route, text);
        },
      },
    });
    plane = new KernelPlane({ run, lock, options, under, broken, routing });
    options.watcher.log("info", "the kernel leads connections", {
      forwards: routing.forwards,
      because: routing.forwardsNot,
      routesLocalnet: routing.routesLocalnet,
    });
    return plane;
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/**
 * A plane that lets the kernel carry what it can. Rejects with `config-invalid` where it cannot work on this host, and
 * with `port-taken` where another proxy has it.
 */
export const openKernelPlane: PlaneMaker = (options) => openKernelPlaneWith(runTool, options);
