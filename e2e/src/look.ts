/**
 * Owns how the end-to-end tests ask the scheduler: creates, looks at one instance, waits for a state.
 * Not: starting the programs (packages/testing). Called by every test of e2e.
 * SPDX-License-Identifier: Apache-2.0
 */
import { eventually, type RunningUp } from "@mr-redis/testing";
import { createOptions, loginOf, type RedisLogin } from "./everything-on.js";

/** One process as `/v2/instances/{name}` shows it. */
export interface ShownProcess {
  readonly id: string;
  readonly role: "master" | "replica";
  readonly agentId: string;
  readonly hostname: string;
  readonly ip: string;
  readonly port: number;
  readonly ready: boolean;
  /** From the last report; null before the first. */
  readonly uptimeSeconds: number | null;
  /** How clients got in when it was looked at; added by {@link show}. */
  readonly login?: RedisLogin;
}

/** One instance as `/v2/instances/{name}` shows it; only what tests look at. */
export interface ShownInstance {
  readonly name: string;
  readonly status: string;
  readonly reason: { readonly code: string; readonly text: string } | null;
  readonly epoch: number;
  readonly processes: readonly ShownProcess[];
  readonly unplaced: {
    readonly text: string;
    readonly agents: readonly { readonly hostname: string; readonly text: string }[];
  } | null;
  readonly failovers: readonly { readonly epoch: number; readonly newMaster: string }[];
}

/** One process as the ancestor's API shows it. */
export interface V1Process {
  readonly IP: string;
  readonly Port: string;
}

/** One instance as the ancestor's API shows it. */
export interface V1Instance {
  readonly Name: string;
  readonly Type: string;
  readonly Status: string;
  readonly Capacity: number;
  readonly Master: V1Process | null;
  readonly Slaves: readonly (V1Process | null)[] | null;
}

/** What a test asks for; the body of `POST /v2/instances`. */
export interface Wish {
  readonly name: string;
  readonly memory?: number;
  readonly slaves?: number;
  readonly distribution?: number;
  readonly config?: Readonly<Record<string, string>>;
}

/** Creates by the ancestor's route; throws unless the answer is 201. */
export async function create(up: RunningUp, wish: Wish): Promise<void> {
  const path = `/v1/CREATE/${wish.name}/${wish.memory ?? 100}/1/${wish.slaves ?? 0}`;
  const body: Record<string, unknown> = { ...createOptions() };
  if (wish.distribution !== undefined) body.Distribution = wish.distribution;
  if (wish.config !== undefined) body.Config = wish.config;
  const answer = await up.api("POST", path, body);
  if (answer.status !== 201) throw new Error(`create: ${answer.status} ${answer.text}`);
}

/** The instance now; throws when the API does not know it. */
export async function show(up: RunningUp, name: string): Promise<ShownInstance> {
  const answer = await up.api("GET", `/v2/instances/${name}`);
  if (answer.status !== 200) throw new Error(`/v2/instances/${name}: ${answer.status}`);
  const shown = answer.json as ShownInstance;
  const login = await loginOf(up, name);
  if (login === null) return shown;
  return { ...shown, processes: shown.processes.map((process) => ({ ...process, login })) };
}

/** As {@link show}, by the ancestor's route. */
export async function showV1(up: RunningUp, name: string): Promise<V1Instance> {
  const answer = await up.api("GET", `/v1/STATUS/${name}`);
  if (answer.status !== 200) throw new Error(`STATUS: ${answer.status} ${answer.text}`);
  return answer.json as V1Instance;
}

/** Waits for a status and gives the instance in it; the failure names the status and reason seen last. */
export function waitStatus(
  up: RunningUp,
  name: string,
  status: string,
  deadlineMs = 15_000,
): Promise<ShownInstance> {
  return eventually(
    async () => {
      const shown = await show(up, name);
      if (shown.status !== status) {
        throw new Error(`${shown.status}: ${shown.reason?.text ?? "no reason"}`);
      }
      return shown;
    },
    { deadlineMs, what: `${name} is ${status}` },
  );
}

/** Creates and waits until it runs. */
export async function createRunning(
  up: RunningUp,
  wish: Wish,
  deadlineMs?: number,
): Promise<ShownInstance> {
  await create(up, wish);
  return waitStatus(up, wish.name, "RUNNING", deadlineMs);
}

/** The process with the role of master; throws when there is none. */
export function masterOf(instance: ShownInstance): ShownProcess {
  const master = instance.processes.find((process) => process.role === "master");
  if (master === undefined) throw new Error(`${instance.name} has no master`);
  return master;
}

/** The processes that are no master. */
export const replicasOf = (instance: ShownInstance): ShownProcess[] =>
  instance.processes.filter((process) => process.role !== "master");

/** How many processes of the instance each agent holds, smallest first. */
export function spreadOf(instance: ShownInstance): number[] {
  const counts = new Map<string, number>();
  for (const { agentId } of instance.processes) {
    counts.set(agentId, (counts.get(agentId) ?? 0) + 1);
  }
  return [...counts.values()].sort((left, right) => left - right);
}

/** Deletes and waits until nothing of it runs. */
export async function remove(up: RunningUp, name: string): Promise<void> {
  const ports = new Set((await show(up, name)).processes.map((process) => process.port));
  const answer = await up.api("DELETE", `/v1/DELETE/${name}`);
  if (answer.status !== 200) throw new Error(`delete: ${answer.status} ${answer.text}`);
  await waitStatus(up, name, "DELETED");
  await eventually(() => {
    const left = up.redisServers().filter(({ port }) => port !== null && ports.has(port));
    if (left.length > 0) throw new Error(`${left.length} redis-servers are left`);
  });
}
