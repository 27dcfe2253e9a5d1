/**
 * Owns a site whose Mesos can be told to fail (the admin API of mrr-local), and the checks that every such failure has
 * to leave behind. Not: which failure (fault-*.test.ts). Called by them.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type ApiAnswer, callApi, eventually, type Site, startSite } from "@mr-redis/testing";
import { expect } from "vitest";
import type { ShownInstance } from "./look.js";

/** An instance with what was asked for. */
export type ListedInstance = ShownInstance & { readonly slaves: number };

/** What the admin API shows; only what tests look at. */
export interface MesosSeen {
  readonly leader: { readonly id: string; readonly number: number } | null;
  readonly agents: readonly { readonly id: string; readonly state: string }[];
  readonly mesos: {
    readonly agents: readonly {
      readonly id: string;
      readonly state: string;
      readonly drain?: string;
      readonly inverseAnswers?: Readonly<Record<string, string>>;
    }[];
    readonly frameworks: readonly { readonly id: string; readonly isConnected: boolean }[];
    readonly tasks: readonly {
      readonly id: string;
      readonly agentId: string;
      readonly state: string;
    }[];
    readonly offers: readonly { readonly id: string; readonly ageMs: number }[];
    readonly offersEnded: Readonly<Record<string, number>>;
  } | null;
}

/** A site with the faults of its Mesos. */
export interface FaultySite {
  readonly site: Site;
  /** Makes a fault; throws unless it is answered with 200. */
  inflict(fault: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>>;
  /** As {@link inflict}; the answer instead of a failure. */
  tryInflict(fault: Readonly<Record<string, unknown>>): Promise<ApiAnswer>;
  seen(): Promise<MesosSeen>;
  /** How often each rule was used. */
  used(): Promise<Readonly<Record<string, number>>>;
}

/** Mesos at a pace at which tests need not wait: its proportions stay. */
const paceFlags = [
  ...["--heartbeat-interval", "500ms", "--allocation-interval", "200ms"],
  ...["--update-retry", "1s", "--executor-reregistration-timeout", "5s"],
  ...["--recovery-timeout", "2m", "--shutdown-grace", "2s", "--admin-port", "0"],
];

/** Starts one; no scheduler yet. */
export async function startFaultySite(
  options: Parameters<typeof startSite>[0],
): Promise<FaultySite> {
  const site = await startSite({
    ...options,
    localArgs: [...paceFlags, ...(options.localArgs ?? [])],
    config: {
      DBType: "embedded",
      ReviveBurst: "50",
      LaunchTimeoutMs: "5000",
      RedisStartTimeoutMs: "4000",
      ...options.config,
    },
  });
  const admin = (): string => {
    const port = /"adminPort":(\d+)/.exec(site.local.stdout)?.[1];
    if (port === undefined) throw new Error("mrr-local names no admin port");
    return `http://127.0.0.1:${port}`;
  };
  const tryInflict = (fault: Readonly<Record<string, unknown>>) =>
    callApi(admin(), "POST", "/faults", fault);
  return {
    site,
    tryInflict,
    async inflict(fault) {
      const answer = await tryInflict(fault);
      if (answer.status !== 200) {
        throw new Error(`${JSON.stringify(fault)}: ${answer.status} ${answer.text}`);
      }
      return answer.json as Readonly<Record<string, unknown>>;
    },
    async seen() {
      return (await callApi(admin(), "GET", "/state")).json as MesosSeen;
    },
    async used() {
      const answer = await callApi(admin(), "GET", "/faults");
      return (answer.json as { done: Readonly<Record<string, number>> }).done;
    },
  };
}

/** Creates; throws unless it is accepted. */
export async function createAt(site: Site, name: string, slaves: number): Promise<void> {
  const answer = await site.api("POST", "/v2/instances", { name, memory: 100, slaves });
  expect([answer.status, name], answer.text).toEqual([201, name]);
}

/** Deletes; throws unless it is accepted. */
export async function removeAt(site: Site, name: string): Promise<void> {
  const answer = await site.api("DELETE", `/v2/instances/${name}`);
  expect([answer.status, name], answer.text).toEqual([202, name]);
}

/** All instances, deleted ones too. */
export async function listAt(site: Site): Promise<readonly ListedInstance[]> {
  const answer = await site.api("GET", "/v2/instances?limit=500");
  if (answer.status !== 200) throw new Error(`/v2/instances: ${answer.status}`);
  return (answer.json as { instances: readonly ListedInstance[] }).instances;
}

/** Time for everything to be as asked after a fault: several of the waits of Mesos, and a busy machine. */
const calmDeadlineMs = 60_000;

/**
 * Waits until everything is as it was promised (`kept`: replicas by name, null for deleted ones), Mesos knows exactly
 * the processes on record and nothing else runs, and no offer is left without an answer. Gives what runs.
 */
export function untilCalm(
  faulty: FaultySite,
  kept: ReadonlyMap<string, number | null>,
  what: string,
  deadlineMs = calmDeadlineMs,
): Promise<readonly ListedInstance[]> {
  return eventually(
    async () => {
      const instances = await listAt(faulty.site);
      const byName = new Map(instances.map((each) => [each.name, each]));
      for (const [name, slaves] of kept) {
        const each = byName.get(name);
        const was = `${name}: ${each?.status} ${JSON.stringify(each?.reason ?? null)}`;
        if (slaves === null) expect(["DELETED", undefined], was).toContain(each?.status);
        else expect([each?.status, each?.slaves], was).toEqual(["RUNNING", slaves]);
      }
      const running = instances.filter(({ status }) => status !== "DELETED");
      for (const each of running) {
        const was = `${each.name}: ${each.status} ${JSON.stringify(each.reason)}`;
        expect([each.status, each.processes.length], was).toEqual(["RUNNING", 1 + each.slaves]);
      }
      await expectBooksAgree(faulty, running);
      return running;
    },
    { deadlineMs, what },
  );
}

async function expectBooksAgree(
  faulty: FaultySite,
  running: readonly ListedInstance[],
): Promise<void> {
  const processes = running.flatMap((each) => each.processes);
  const { mesos } = await faulty.seen();
  // Nothing of an agent is sure before it is registered.
  const absent = mesos?.agents.filter(({ state }) => !["registered", "gone"].includes(state));
  expect(absent, "every agent is there").toEqual([]);
  const tasks = (mesos?.tasks ?? []).map(({ id, state }) => `${id} ${state}`);
  const records = processes.map(({ id }) => `${id} TASK_RUNNING`);
  expect(tasks.sort(), "no task without a record").toEqual(records.sort());
  expect(mesos?.frameworks.map(({ isConnected }) => isConnected)).toEqual([true]);
  expect(mesos?.offers, "no offer without an answer").toEqual([]);
  const ports = faulty.site.redisServers().map(({ port }) => port);
  expect(ports.sort(), "exactly the processes that are shown").toEqual(
    processes.map(({ port }) => port).sort(),
  );
}

/** Process ids of the redis-servers that have these ports. */
export function pidsOf(
  faulty: FaultySite,
  instances: readonly ShownInstance[],
): ReadonlyMap<string, number | undefined> {
  const pids = new Map(faulty.site.redisServers().map(({ pid, port }) => [port, pid]));
  return new Map(
    instances.flatMap(({ processes }) => processes.map(({ id, port }) => [id, pids.get(port)])),
  );
}
