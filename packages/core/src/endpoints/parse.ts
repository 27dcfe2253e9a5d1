/**
 * Owns the reading of what a scheduler tells of its instances: events of /v2/events, pages of /v2/endpoints. Pure.
 * The input is hostile: whatever answers at the scheduler's address may have sent it. Unknown keys are left out, since a
 * newer scheduler may say more. Not: the meaning (types.ts). Called by those who follow a scheduler.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { InstanceStatus, InstanceType } from "../instance/types.js";
import { instanceNameRule, isInstanceName } from "../request/names.js";
import { type Parsed, type Problem, parsed, refused } from "../result.js";
import { problemsMax } from "../shape.js";
import type {
  EndpointsEvent,
  InstanceEndpoints,
  ProxyPorts,
  ServerAddress,
  WriterState,
} from "./types.js";

/** Limits of what is read. */
export const endpointsLimits = {
  /** Replicas of one instance; a request for an instance is held to fewer. */
  replicasMax: 1_000,
  /** Characters of the data of one event: a thousand replicas with long names take a third of it. */
  eventCharactersMax: 1024 * 1024,
  /** Instances of one page of /v2/endpoints. */
  pageInstancesMax: 1_000,
} as const;

/** One page of `GET /v2/endpoints`. */
export interface EndpointsPage {
  readonly instances: readonly InstanceEndpoints[];
  /** `after` of the next request; null: this was the last page. */
  readonly next: string | null;
}

type Raw = Readonly<Record<string, unknown>>;

const isRaw = (value: unknown): value is Raw =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const hostPattern = /^[A-Za-z0-9._:-]{1,253}$/;
const idPattern = /^[\x21-\x7e]{1,200}$/;
const types: readonly InstanceType[] = ["S", "MS"];
const writers: readonly WriterState[] = ["ready", "unheard", "none"];
const statuses: readonly InstanceStatus[] = [
  "CREATING",
  "RUNNING",
  "DEGRADED",
  "FAILED",
  "DELETING",
  "DELETED",
];

/** Collects problems; each reader gives a value that is only used when there are none. */
class Reader {
  readonly problems: Problem[] = [];

  one<T extends string>(
    value: unknown,
    path: string,
    known: readonly [T, ...T[]] | readonly T[],
  ): T {
    const found = known.find((each) => each === value);
    if (found !== undefined) return found;
    this.problems.push({ path, rule: `must be one of ${known.join(", ")}` });
    return known[0] as T;
  }

  text(value: unknown, path: string, pattern: RegExp, rule: string): string {
    if (typeof value === "string" && pattern.test(value)) return value;
    this.problems.push({ path, rule });
    return "";
  }

  whole(value: unknown, path: string, min: number, max: number): number {
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) {
      return value;
    }
    this.problems.push({ path, rule: `must be a whole number from ${min} to ${max}` });
    return min;
  }

  name(value: unknown, path: string): string {
    if (isInstanceName(value)) return value;
    this.problems.push({ path, rule: instanceNameRule });
    return "";
  }

  port(value: unknown, path: string): number {
    return this.whole(value, path, 1, 65_535);
  }

  server(value: unknown, path: string): ServerAddress {
    const raw = this.raw(value, path);
    if (raw === null) return { processId: "", address: "", port: 1 };
    return {
      processId: this.text(
        raw.processId,
        `${path}.processId`,
        idPattern,
        "must be the id of a process",
      ),
      address: this.text(
        raw.address,
        `${path}.address`,
        hostPattern,
        "must be an address or a host name",
      ),
      port: this.port(raw.port, `${path}.port`),
    };
  }

  servers(value: unknown, path: string): ServerAddress[] {
    if (!Array.isArray(value) || value.length > endpointsLimits.replicasMax) {
      const rule = `must be a list of at most ${endpointsLimits.replicasMax} servers`;
      this.problems.push({ path, rule });
      return [];
    }
    const servers: ServerAddress[] = [];
    for (const [index, each] of value.entries()) {
      if (this.problems.length >= problemsMax) break;
      servers.push(this.server(each, `${path}[${index}]`));
    }
    return servers;
  }

  proxy(value: unknown, path: string): ProxyPorts | null {
    if (value === null) return null;
    const raw = this.raw(value, path);
    if (raw === null) return null;
    const write = this.port(raw.write, `${path}.write`);
    const read = raw.read === null ? null : this.port(raw.read, `${path}.read`);
    if (write === read)
      this.problems.push({ path: `${path}.read`, rule: "must differ from write" });
    return { write, read };
  }

  raw(value: unknown, path: string): Raw | null {
    if (isRaw(value)) return value;
    this.problems.push({ path, rule: "must be an object" });
    return null;
  }
}

/** Reads one instance; all problems at once, each with its path behind `path`. */
export function parseInstanceEndpoints(
  value: unknown,
  path = "instance",
): Parsed<InstanceEndpoints> {
  if (!isRaw(value)) return refused(path, "must be an object");
  const reader = new Reader();
  const { problems } = reader;
  const instance: InstanceEndpoints = {
    name: reader.name(value.name, `${path}.name`),
    incarnation: reader.text(
      value.incarnation,
      `${path}.incarnation`,
      idPattern,
      "must be a text of 1 to 200 characters",
    ),
    type: reader.one(value.type, `${path}.type`, types),
    status: reader.one(value.status, `${path}.status`, statuses),
    epoch: reader.whole(value.epoch, `${path}.epoch`, 0, Number.MAX_SAFE_INTEGER),
    writer: reader.one(value.writer, `${path}.writer`, writers),
    master: value.master === null ? null : reader.server(value.master, `${path}.master`),
    replicas: reader.servers(value.replicas, `${path}.replicas`),
    proxy: reader.proxy(value.proxy, `${path}.proxy`),
    ...(value.tls === true ? { tls: value.tls } : {}),
  };
  if ((instance.master === null) !== (instance.writer === "none")) {
    problems.push({ path: `${path}.master`, rule: "must be null exactly when writer is none" });
  }
  return problems.length === 0 ? parsed(instance) : { ok: false, problems };
}

function parseJson(text: string, path: string): Parsed<Raw> {
  if (text.length > endpointsLimits.eventCharactersMax) {
    return refused(path, `must have at most ${endpointsLimits.eventCharactersMax} characters`);
  }
  try {
    const value: unknown = JSON.parse(text);
    return isRaw(value) ? parsed(value) : refused(path, "must be a JSON object");
  } catch {
    // Its text would repeat what was sent.
    return refused(path, "must be JSON");
  }
}

/** Reads one event by its `event` and `data`; null: a type that is not known here, to be passed over. */
export function parseEndpointsEvent(type: string, data: string): Parsed<EndpointsEvent | null> {
  if (type === "reset" || type === "complete") return parsed({ type });
  if (type !== "instance" && type !== "removed") return parsed(null);
  const raw = parseJson(data, "data");
  if (!raw.ok) return raw;
  if (type === "removed") {
    const { name } = raw.value;
    return isInstanceName(name) ? parsed({ type, name }) : refused("data.name", instanceNameRule);
  }
  const instance = parseInstanceEndpoints(raw.value.instance, "data.instance");
  return instance.ok ? parsed({ type, instance: instance.value }) : instance;
}

/** Reads one page, decoded from JSON. One instance that cannot be read spoils it: nobody knows which one it is. */
export function parseEndpointsPage(value: unknown): Parsed<EndpointsPage> {
  if (!isRaw(value)) return refused("the page", "must be a JSON object");
  const { instances: list, next } = value;
  const { pageInstancesMax } = endpointsLimits;
  if (!Array.isArray(list) || list.length > pageInstancesMax) {
    return refused("instances", `must be a list of at most ${pageInstancesMax} instances`);
  }
  if (next !== null && !isInstanceName(next))
    return refused("next", `${instanceNameRule}, or null`);
  const instances: InstanceEndpoints[] = [];
  for (const [index, each] of list.entries()) {
    const instance = parseInstanceEndpoints(each, `instances[${index}]`);
    if (!instance.ok) return instance;
    instances.push(instance.value);
  }
  return parsed({ instances, next });
}
