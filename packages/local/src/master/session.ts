/**
 * Owns the sessions of frameworks: subscribing, failing over, disconnecting, removal.
 * Not: their offers and tasks beyond what a session's end does to them. Called by master.ts.
 * Source of the rules: reference sections 4.2 to 4.6; recordings 110 to 138 of wire/json.
 *
 * | state        | subscribed                         | stream-closed       | failover timer | teardown |
 * | ------------ | ---------------------------------- | ------------------- | -------------- | -------- |
 * | unknown      | added (offers at once)             | -                   | -              | -        |
 * | connected    | old stream: failed over; no offers | disconnected        | -              | removed  |
 * | disconnected | connected (offers at once)         | -                   | removed        | -        |
 * | removed      | ERROR (last 50 are remembered)     | -                   | -              | -        |
 * SPDX-License-Identifier: Apache-2.0
 */
import type { FrameworkInfo, MasterInfo, SchedulerCall, SchedulerEvent } from "@mr-redis/mesos";
import { allocate, discardOffers, recover } from "./allocator.js";
import { type Books, completedFrameworksMax, type FrameworkBook, rolesOf } from "./books.js";
import { charged } from "./charge.js";
import type { CallRefusal } from "./effects.js";
import { frameworkChangeProblem, frameworkProblem } from "./framework-info.js";
import { forgetInverseOffers } from "./maintenance.js";

const say = (books: Books, streamId: string, event: SchedulerEvent): void => {
  books.out.push({ type: "send-event", streamId, event });
};

/** What SUBSCRIBED says about this master. */
export function masterInfo(books: Books): MasterInfo {
  const { ip, port, hostname } = books.settings.address;
  const [a = 0, b = 0, c = 0, d = 0] = ip.split(".").map(Number);
  return {
    id: books.masterId,
    // The address in network byte order read as a little-endian integer, as real masters give it.
    ip: ((d << 24) | (c << 16) | (b << 8) | a) >>> 0,
    port,
    pid: `master@${ip}:${port}`,
    hostname,
    version: books.settings.version,
    address: { hostname, ip, port },
    capabilities: [{ type: "AGENT_UPDATE" }, { type: "AGENT_DRAINING" }, { type: "QUOTA_V2" }],
  };
}

/** A SUBSCRIBE that passed the endpoint; the stream is open and empty. */
export function subscribe(books: Books, streamId: string, call: SchedulerCall): void {
  const asked = call.subscribe?.framework_info;
  if (asked === undefined) return;
  const suppressed = call.subscribe?.suppressed_roles ?? [];
  const id = asked.id?.value ?? "";
  const known = id === "" ? undefined : books.frameworks.get(id);
  const problem =
    frameworkProblem(asked, suppressed) ??
    (books.completedFrameworkIds.includes(id) ? "Framework has been removed" : undefined) ??
    (known !== undefined && (known.info.principal ?? "") !== (asked.principal ?? "")
      ? "Changing framework's principal is not allowed."
      : undefined);
  if (problem !== undefined) {
    say(books, streamId, { type: "ERROR", error: { message: problem } });
    books.out.push({ type: "close-stream", streamId });
    return;
  }
  const framework = known ?? addFramework(books, asked, id);
  const wasConnected = framework.streamId !== null;
  if (known !== undefined) takeOver(books, known, asked);
  framework.streamId = streamId;
  framework.isRecovered = false;
  replaceSuppressed(framework, suppressed);
  announce(books, framework, streamId);
  if (known !== undefined) broadcast(books, framework.info);
  if (!wasConnected) allocate(books);
}

function addFramework(books: Books, asked: FrameworkInfo, askedId: string): FrameworkBook {
  const number = String(books.nextFrameworkNumber).padStart(4, "0");
  const id = askedId === "" ? `${books.masterId}-${number}` : askedId;
  if (askedId === "") books.nextFrameworkNumber += 1;
  const framework = createFramework({ ...asked, id: { value: id } }, id);
  books.frameworks.set(id, framework);
  return framework;
}

/** An empty book for a framework. */
export const createFramework = (info: FrameworkInfo, id: string): FrameworkBook => ({
  id,
  info,
  streamId: null,
  isRecovered: false,
  suppressed: new Set(),
  filters: [],
  tasks: new Map(),
  unreachableTasks: new Map(),
  operations: new Map(),
  allocationsCount: 0,
});

/** Another session with the same id: the old one, if there is one, is told and closed. */
function takeOver(books: Books, framework: FrameworkBook, asked: FrameworkInfo): void {
  const oldStreamId = framework.streamId;
  if (oldStreamId === null) {
    books.out.push({
      type: "cancel-timer",
      timer: { type: "failover", frameworkId: framework.id },
    });
  } else {
    say(books, oldStreamId, { type: "ERROR", error: { message: "Framework failed over" } });
    books.out.push({ type: "close-stream", streamId: oldStreamId });
    stopHeartbeat(books, framework.id, oldStreamId);
    discardOffers(books, (offer) => offer.frameworkId === framework.id, false);
    forgetInverseOffers(books, framework.id);
  }
  replaceInfo(framework, asked);
}

/** Mutable fields are replaced; `user` and `checkpoint` stay as they were, without notice. */
function replaceInfo(framework: FrameworkBook, asked: FrameworkInfo): void {
  const { user, checkpoint } = framework.info;
  framework.info = {
    ...asked,
    id: { value: framework.id },
    user,
    ...(checkpoint === undefined ? { checkpoint: false } : { checkpoint }),
  };
  const roles = new Set(rolesOf(framework.info));
  framework.filters = framework.filters.filter((filter) => roles.has(filter.role));
}

function replaceSuppressed(framework: FrameworkBook, roles: readonly string[]): void {
  framework.suppressed.clear();
  for (const role of roles) framework.suppressed.add(role);
}

function announce(books: Books, framework: FrameworkBook, streamId: string): void {
  say(books, streamId, {
    type: "SUBSCRIBED",
    subscribed: {
      framework_id: { value: framework.id },
      heartbeat_interval_seconds: books.settings.heartbeatIntervalMs / 1000,
      master_info: masterInfo(books),
    },
  });
  heartbeat(books, framework.id, streamId);
}

/** Sends a HEARTBEAT and sets the timer for the next, as long as the session is the current one. */
export function heartbeat(books: Books, frameworkId: string, streamId: string): void {
  if (books.frameworks.get(frameworkId)?.streamId !== streamId) return;
  say(books, streamId, { type: "HEARTBEAT" });
  books.out.push({
    type: "set-timer",
    timer: { type: "heartbeat", frameworkId, streamId },
    delayMs: books.settings.heartbeatIntervalMs,
  });
}

function stopHeartbeat(books: Books, frameworkId: string, streamId: string): void {
  books.out.push({ type: "cancel-timer", timer: { type: "heartbeat", frameworkId, streamId } });
}

/** Agents learn the new info, and send every update again that waits for its acknowledgement. */
function broadcast(books: Books, framework: FrameworkInfo): void {
  for (const agent of books.agents.values()) {
    if (agent.state !== "registered") continue;
    const message = { type: "update-framework", framework } as const;
    books.out.push({ type: "send-agent", agentId: agent.id, message });
  }
}

/** The stream broke: offers are rescinded into the void, filters go, the failover timer starts. */
export function streamClosed(books: Books, streamId: string): void {
  const framework = [...books.frameworks.values()].find((one) => one.streamId === streamId);
  if (framework === undefined) return;
  framework.streamId = null;
  stopHeartbeat(books, framework.id, streamId);
  discardOffers(books, (offer) => offer.frameworkId === framework.id, false);
  forgetInverseOffers(books, framework.id);
  framework.filters = [];
  const delayMs = Math.max(0, (framework.info.failover_timeout ?? 0) * 1000);
  if (delayMs === 0) {
    removeFramework(books, framework);
    return;
  }
  const timer = { type: "failover", frameworkId: framework.id } as const;
  books.out.push({ type: "set-timer", timer, delayMs });
}

/** Nobody came back in time. */
export function failoverTimedOut(books: Books, frameworkId: string): void {
  const framework = books.frameworks.get(frameworkId);
  if (framework !== undefined && framework.streamId === null) removeFramework(books, framework);
}

/** Ends a framework: its executors are shut down, its tasks get no updates, its id is dead. */
export function removeFramework(books: Books, framework: FrameworkBook): void {
  const { id, streamId } = framework;
  books.frameworks.delete(id);
  books.completedFrameworkIds.push(id);
  if (books.completedFrameworkIds.length > completedFrameworksMax)
    books.completedFrameworkIds.shift();
  books.out.push({ type: "cancel-timer", timer: { type: "failover", frameworkId: id } });
  if (streamId !== null) {
    stopHeartbeat(books, id, streamId);
    books.out.push({ type: "close-stream", streamId });
  }
  discardOffers(books, (offer) => offer.frameworkId === id, false);
  forgetInverseOffers(books, id);
  for (const task of framework.tasks.values()) {
    const agent = books.agents.get(task.agentId);
    if (agent !== undefined && task.isCharged) recover(books, agent, charged(task.info.resources));
  }
  for (const agent of books.agents.values()) {
    for (const executor of agent.executors.get(id)?.values() ?? []) {
      recover(books, agent, charged(executor.info.resources));
    }
    agent.executors.delete(id);
    if (agent.state !== "registered") continue;
    const message = { type: "shutdown-framework", frameworkId: id } as const;
    books.out.push({ type: "send-agent", agentId: agent.id, message });
  }
}

/** UPDATE_FRAMEWORK: applied at once, or the reason why not. Triggers no allocation. */
export function updateFramework(books: Books, call: SchedulerCall): CallRefusal | undefined {
  const framework = books.frameworks.get(call.framework_id?.value ?? "");
  const asked = call.update_framework?.framework_info;
  if (framework === undefined || asked === undefined) {
    return { status: 409, text: "Framework was removed" };
  }
  const suppressed = call.update_framework?.suppressed_roles ?? [];
  const problem =
    frameworkProblem(asked, suppressed) ?? frameworkChangeProblem(framework.info, asked);
  if (problem !== undefined) {
    return { status: 400, text: `FrameworkInfo update is not valid: ${problem}` };
  }
  replaceInfo(framework, asked);
  replaceSuppressed(framework, suppressed);
  broadcast(books, framework.info);
  return undefined;
}

/** REVIVE: filters and suppression of the roles go (none given: all), and an allocation runs at once. */
export function revive(books: Books, framework: FrameworkBook, roles: readonly string[]): void {
  const named = ownRoles(framework, roles);
  if (named === undefined) return;
  for (const role of named) framework.suppressed.delete(role);
  framework.filters = framework.filters.filter((filter) => !named.has(filter.role));
  allocate(books);
}

/** SUPPRESS: no more offers for the roles; those that are out stay out. */
export function suppress(framework: FrameworkBook, roles: readonly string[]): void {
  for (const role of ownRoles(framework, roles) ?? []) framework.suppressed.add(role);
}

/** The roles meant; undefined when one is not the framework's, which voids the whole call silently. */
function ownRoles(
  framework: FrameworkBook,
  roles: readonly string[],
): ReadonlySet<string> | undefined {
  const own = new Set(rolesOf(framework.info));
  if (roles.length === 0) return own;
  return roles.every((role) => own.has(role)) ? new Set(roles) : undefined;
}
