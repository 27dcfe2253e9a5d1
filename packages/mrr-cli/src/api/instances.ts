/**
 * Owns the calls about instances, typed. Not: HTTP (client.ts), nor texts (text/). Called by commands.
 * SPDX-License-Identifier: Apache-2.0
 */
import { MrrError, type Parsed, problemsText } from "@mr-redis/core";
import type { Answer, ApiClient } from "./client.js";
import { parseEpoch, parseFailovers, parseInstance, parsePage } from "./parse.js";
import type { Failover, Instance, InstancePage } from "./types.js";

/** An instance and the text that it came as. */
export interface InstanceAnswer {
  readonly instance: Instance;
  readonly text: string;
}

/** Instances asked for at once. */
const pageSize = 100;

/** Pages read at most: 100,000 instances, ten times the size of a scheduler; a server that loops ends here. */
const pagesMax = 1_000;

const pathOf = (name: string): string => `/v2/instances/${encodeURIComponent(name)}`;

/** The JSON of an answer as `parse` reads it; throws MrrError `unreachable-endpoint` when it does not. */
export function read<T>(answer: Answer, parse: (value: unknown) => Parsed<T>): T {
  const result = parse(answer.json);
  if (result.ok) return result.value;
  const problems = problemsText(result.problems);
  const text = `${answer.url} does not speak this version's API: ${problems}`;
  throw new MrrError("unreachable-endpoint", text);
}

const instanceAnswer = (answer: Answer): InstanceAnswer => ({
  instance: read(answer, parseInstance),
  text: answer.text,
});

/** What is sent to create an instance. Values of a file go as they are: the scheduler says what is wrong. */
export interface CreateBody {
  readonly name: string;
  readonly memory: number;
  readonly slaves: number;
  readonly distribution?: unknown;
  readonly config?: unknown;
  readonly constraints?: unknown;
  readonly fencing?: unknown;
  readonly onUnreachable?: unknown;
  readonly auth?: unknown;
  readonly tls?: unknown;
}

/** POST /v2/instances. */
export async function createInstance(client: ApiClient, body: CreateBody): Promise<InstanceAnswer> {
  return instanceAnswer(await client.request({ method: "POST", path: "/v2/instances", body }));
}

/** GET /v2/instances/{name}; with `wait` the answer comes when the state is reached, or after so many seconds. */
export async function readInstance(
  client: ApiClient,
  name: string,
  wait?: { readonly seconds: number; readonly until: "RUNNING" | "DELETED" },
): Promise<InstanceAnswer> {
  const query = wait === undefined ? "" : `?wait=${wait.seconds}&until=${wait.until}`;
  const path = pathOf(name) + query;
  const waitSeconds = wait?.seconds ?? 0;
  return instanceAnswer(await client.request({ method: "GET", path, waitSeconds }));
}

/** DELETE /v2/instances/{name}. */
export async function deleteInstance(client: ApiClient, name: string): Promise<InstanceAnswer> {
  return instanceAnswer(await client.request({ method: "DELETE", path: pathOf(name) }));
}

/** The failovers of an instance and the text that they came as. */
export interface FailoversAnswer {
  readonly failovers: readonly Failover[];
  readonly text: string;
}

/** GET /v2/instances/{name}/failovers. */
export async function listFailovers(client: ApiClient, name: string): Promise<FailoversAnswer> {
  const answer = await client.request({ method: "GET", path: `${pathOf(name)}/failovers` });
  return { failovers: read(answer, parseFailovers), text: answer.text };
}

/** POST /v2/instances/{name}/failover; gives the epoch that the record will have. */
export async function requestFailover(
  client: ApiClient,
  name: string,
  body: { readonly to: string | null; readonly force: boolean },
): Promise<number> {
  const path = `${pathOf(name)}/failover`;
  return read(await client.request({ method: "POST", path, body }), parseEpoch);
}

/** GET /v2/instances, page by page. */
export async function listInstances(client: ApiClient, status?: string): Promise<InstancePage> {
  const instances: Instance[] = [];
  const raw: unknown[] = [];
  let after: string | null = null;
  for (let pages = 0; pages < pagesMax; pages += 1) {
    const query = new URLSearchParams({ limit: String(pageSize) });
    if (after !== null) query.set("after", after);
    if (status !== undefined) query.set("status", status);
    const path = `/v2/instances?${query}`;
    const page: InstancePage = read(await client.request({ method: "GET", path }), parsePage);
    instances.push(...page.instances);
    raw.push(...page.raw);
    if (page.next === null || page.next === after) return { instances, next: null, raw };
    after = page.next;
  }
  return { instances, next: after, raw };
}
