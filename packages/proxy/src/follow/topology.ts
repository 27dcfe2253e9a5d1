/**
 * Owns what is known of the scheduler's instances, and which routes follow from it: what changed, what is gone, and why an
 * instance is not served. Pure. Not: where it is heard (follower.ts), nor the carrying (planes).
 * SPDX-License-Identifier: Apache-2.0
 */
import { endpointsKey, type InstanceEndpoints, type ServerAddress } from "@mr-redis/core";
import { type HostPort, hostPortText, type Route, routeName, sameTarget } from "../routes.js";

/**
 * For so long a replica that is not ready any more keeps its open connections, unless it became the master: replicas lose
 * their link in every failover and have it again within seconds; one that is cut off from its master for longer only
 * has stale data, and one that has ended has closed its connections by itself.
 */
export const keptMsMax = 10_000;

/** Most instances: each has a port, and there are no more ports than these. */
export const instancesMax = 65_535;

/** Whose the ports are that people chose. */
const entryOwner = "an entry of the configuration";

/** What a plane is told. */
export interface RouteChanges {
  readonly changed: readonly Route[];
  readonly removed: readonly string[];
}

/** Why a route of an instance is not served; null: it is again, or it is no more. */
export interface InstanceProblem {
  readonly name: string;
  readonly problem: string | null;
}

interface Kept {
  readonly target: HostPort;
  readonly untilMs: number;
}

interface Known {
  readonly instance: InstanceEndpoints;
  /** Former replicas (of the read route). */
  readonly kept: readonly Kept[];
  /** Of a file, and no scheduler was asked yet: nobody new is led there. */
  readonly isRecalled: boolean;
}

const hostPort = ({ address, port }: ServerAddress): HostPort => ({ host: address, port });

const withoutDoubles = (targets: readonly HostPort[]): HostPort[] => [
  ...new Map(targets.map((target) => [hostPortText(target), target])).values(),
];

/** See the head of this file. */
export class Topology {
  readonly #bind: string;
  readonly #known = new Map<string, Known>();
  /** Who serves a port: the first one that named it. */
  readonly #owners = new Map<number, string>();
  readonly #routes = new Map<string, Route>();
  readonly #problems = new Map<string, string>();
  /** Names since the last reset; null: there is none under way. */
  #seen: Set<string> | null = null;
  #isSeenWhole = true;
  /** Some may be recalled ones. */
  #isHolding = false;
  /** Name of one beyond {@link instancesMax}; the problem of one stands for all of them. */
  #surplus: string | null = null;
  #changed = new Map<string, Route>();
  #removed = new Set<string>();
  #news: InstanceProblem[] = [];

  /** `bind` is the address that all routes listen on; `taken` are ports of entries, see {@link reserve}. */
  constructor(bind: string, taken: readonly number[]) {
    this.#bind = bind;
    this.reserve(taken);
  }

  /** These ports, and no others, are not the scheduler's to give. Gives those that an instance has already: it keeps them. */
  reserve(ports: readonly number[]): number[] {
    const wanted = new Set(ports);
    const freed = [...this.#owners]
      .filter(([port, owner]) => owner === entryOwner && !wanted.has(port))
      .map(([port]) => port);
    for (const port of freed) this.#owners.delete(port);
    const refused = [...wanted].filter(
      (port) => (this.#owners.get(port) ?? entryOwner) !== entryOwner,
    );
    for (const port of wanted) if (!this.#owners.has(port)) this.#owners.set(port, entryOwner);
    this.#again(freed);
    return refused;
  }

  /** All that is known, in the order in which it came. */
  instances(): readonly InstanceEndpoints[] {
    return [...this.#known.values()].map(({ instance }) => instance);
  }

  get count(): number {
    return this.#known.size;
  }

  get routesCount(): number {
    return this.#routes.size;
  }

  has(name: string): boolean {
    return this.#known.has(name);
  }

  /** Names of instances with a problem, and the problem. */
  problems(): ReadonlyMap<string, string> {
    return this.#problems;
  }

  /** A new account of everything begins. */
  reset(): void {
    this.#seen = new Set();
    this.#isSeenWhole = true;
  }

  /** Something of this account could not be read, so that nobody knows whom it named: nobody is removed at its end. */
  unreadable(): void {
    this.#isSeenWhole = false;
  }

  /** The account is whole: whom it did not name is gone. Without a reset before it, nothing is. True: somebody was. */
  complete(): boolean {
    if (this.#seen === null) return false;
    const seen = this.#seen;
    this.#seen = null;
    const gone = this.#isSeenWhole ? this.#removeAllBut(seen) : 0;
    this.release();
    return gone > 0;
  }

  #removeAllBut(seen: ReadonlySet<string>): number {
    const gone = [...this.#known.keys()].filter((name) => !seen.has(name));
    for (const name of gone) this.remove(name);
    return gone.length;
  }

  /**
   * An instance was this when a proxy last ran. Its connections are left alone, and nobody new is led until a scheduler has
   * said how it is now, or until {@link release}: its addresses may have other owners.
   */
  recall(instance: InstanceEndpoints): void {
    const { name } = instance;
    if (this.#known.has(name) || this.#known.size >= instancesMax) return;
    this.#isHolding = true;
    this.#know(name, { instance, kept: [], isRecalled: true });
  }

  /** What was recalled counts: there is nobody who says more. */
  release(): void {
    if (!this.#isHolding) return;
    this.#isHolding = false;
    for (const [name, known] of this.#known) {
      if (known.isRecalled) this.#know(name, { ...known, isRecalled: false });
    }
  }

  #know(name: string, known: Known): void {
    this.#known.set(name, known);
    this.#again(this.#serve(name, known));
  }

  /** An instance is this now; false: it was before. */
  set(instance: InstanceEndpoints, nowMs: number): boolean {
    const { name } = instance;
    const before = this.#known.get(name);
    if (before === undefined && this.#known.size >= instancesMax) {
      if (this.#surplus === null) this.#say(name, `there are ${instancesMax} instances already`);
      this.#surplus ??= name;
      return false;
    }
    this.#seen?.add(name);
    const isSame = before !== undefined && endpointsKey(before.instance) === endpointsKey(instance);
    // A poll of 10,000 instances tells them all again each time.
    if (isSame && !before.isRecalled) return false;
    this.#know(name, { instance, kept: keptOf(before, instance, nowMs), isRecalled: false });
    return !isSame;
  }

  /** An instance is no more; false: it was not there. */
  remove(name: string): boolean {
    if (!this.#known.delete(name)) return false;
    const freed = [routeName(name, "write"), routeName(name, "read")].flatMap((route) =>
      this.#drop(route),
    );
    this.#say(name, null);
    this.#again(freed);
    if (this.#surplus !== null) this.#say(this.#surplus, null);
    this.#surplus = null;
    return true;
  }

  /** Former replicas whose time is over are kept no more. True: there are some whose time is not. */
  expire(nowMs: number): boolean {
    let isMore = false;
    for (const [name, before] of this.#known) {
      const { kept } = before;
      if (kept.length === 0) continue;
      const left = kept.filter(({ untilMs }) => untilMs > nowMs);
      if (left.length > 0) isMore = true;
      if (left.length === kept.length) continue;
      this.#know(name, { ...before, kept: left });
    }
    return isMore;
  }

  /** What changed since the last call. */
  take(): RouteChanges & { readonly problems: readonly InstanceProblem[] } {
    const taken = {
      changed: [...this.#changed.values()],
      removed: [...this.#removed],
      problems: this.#news,
    };
    this.#changed = new Map();
    this.#removed = new Set();
    this.#news = [];
    return taken;
  }

  /** Makes the routes of one instance; gives the ports that it has left. */
  #serve(name: string, { instance, kept, isRecalled }: Known): number[] {
    const { proxy, master, replicas } = instance;
    const freed: number[] = [];
    const problems: string[] = [];
    const route = (kind: "write" | "read", port: number | null): Route | null => {
      if (port === null) return null;
      const owner = this.#owners.get(port);
      if (owner !== undefined && owner !== routeName(name, kind)) {
        problems.push(`port ${port} is that of ${owner}`);
        return null;
      }
      const listen = { host: this.#bind, port };
      const secure = instance.tls === true ? { passesTls: instance.tls } : {};
      const base = { name: routeName(name, kind), kind, listen, ...secure };
      const isWrite = kind === "write";
      const servers = isWrite ? (master === null ? [] : [master]) : replicas;
      const targets = withoutDoubles(servers.map(hostPort));
      if (isRecalled) return { ...base, targets: [], kept: targets };
      return { ...base, targets, kept: isWrite ? [] : kept.map(({ target }) => target) };
    };
    for (const [kind, port] of [
      ["write", proxy?.write ?? null],
      ["read", proxy?.read ?? null],
    ] as const) {
      const key = routeName(name, kind);
      const before = this.#routes.get(key);
      // Its old port is free before it asks for another.
      if (before !== undefined && before.listen.port !== port) freed.push(...this.#drop(key));
      const made = route(kind, port);
      if (made !== null) this.#put(made);
    }
    this.#say(name, problems.length === 0 ? null : problems.join("; "));
    return freed;
  }

  #put(route: Route): void {
    const before = this.#routes.get(route.name);
    if (before !== undefined && isSameRoute(before, route)) return;
    this.#owners.set(route.listen.port, route.name);
    this.#routes.set(route.name, route);
    this.#changed.set(route.name, route);
  }

  #drop(key: string): number[] {
    const route = this.#routes.get(key);
    if (route === undefined) return [];
    this.#routes.delete(key);
    this.#owners.delete(route.listen.port);
    this.#changed.delete(key);
    this.#removed.add(key);
    return [route.listen.port];
  }

  /** Others may have waited for these ports. */
  #again(freed: readonly number[]): void {
    if (freed.length === 0) return;
    for (const name of [...this.#problems.keys()]) {
      const known = this.#known.get(name);
      if (known !== undefined) this.#serve(name, known);
    }
  }

  #say(name: string, problem: string | null): void {
    if ((this.#problems.get(name) ?? null) === problem) return;
    if (problem === null) this.#problems.delete(name);
    else this.#problems.set(name, problem);
    this.#news.push({ name, problem });
  }
}

function keptOf(before: Known | undefined, now: InstanceEndpoints, nowMs: number): Kept[] {
  if (before === undefined || before.instance.incarnation !== now.incarnation) return [];
  const former = [
    ...before.kept,
    ...before.instance.replicas.map((replica) => ({
      target: hostPort(replica),
      untilMs: nowMs + keptMsMax,
    })),
  ];
  const targets = now.replicas.map(hostPort);
  const kept = new Map<string, Kept>();
  for (const each of former) {
    const key = hostPortText(each.target);
    const isMaster = now.master !== null && sameTarget(hostPort(now.master), each.target);
    const isTarget = targets.some((target) => sameTarget(target, each.target));
    if (!isMaster && !isTarget && each.untilMs > nowMs && !kept.has(key)) kept.set(key, each);
  }
  return [...kept.values()];
}

const isSameList = (a: readonly HostPort[], b: readonly HostPort[]): boolean =>
  a.length === b.length &&
  a.every((each, index) => {
    const other = b[index];
    return other !== undefined && sameTarget(each, other);
  });

const isSameRoute = (a: Route, b: Route): boolean =>
  a.passesTls === b.passesTls &&
  sameTarget(a.listen, b.listen) &&
  isSameList(a.targets, b.targets) &&
  isSameList(a.kept, b.kept);
