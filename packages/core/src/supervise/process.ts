/**
 * Owns what happens to one redis-server from spawn to end: questions and answers, limits, signals.
 * Not: goals (goal.ts), batches (report.ts), tasks that have no process (decide.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Goal } from "../goal/types.js";
import type { Because } from "../instance/types.js";
import type { RedisInfo } from "../redis/info.js";
import { clientsToChange } from "./clients.js";
import { isAsWanted, needsReconnect, observe, usersToChange } from "./goal.js";
import { settleLease } from "./lease.js";
import { isReportable, isSynced } from "./report.js";
import { isSameStamp } from "./rules.js";
import { findProcess, markChanged, type Turn, updateProcess } from "./turn.js";
import {
  applyRetryMs,
  type Ending,
  probeFastForMs,
  probeFastMs,
  reportCoalesceMs,
  reportSpawnMs,
  type SentTaskState,
  type Supervised,
  type SuperviseEvent,
} from "./types.js";

/** INFO is read when it is older than this part of the report interval, so that each interval has a fresh one. */
const infoShare = 0.75;

type EventOf<Type extends SuperviseEvent["type"]> = Extract<SuperviseEvent, { type: Type }>;

/** @internal The live process that an event speaks of; undefined when it has ended or was spawned anew. */
export function subjectOf(
  turn: Turn,
  event: { readonly processId: string; readonly startId: string },
): Supervised | undefined {
  const process = findProcess(turn, event.processId);
  return process?.startId === event.startId ? process : undefined;
}

/** @internal Names of a process in an effect. */
export const namesOf = (process: Supervised) => ({
  processId: process.order.processId,
  startId: process.startId,
});

/** @internal */
export function pushTaskUpdate(
  turn: Turn,
  taskId: string,
  state: SentTaskState,
  message: string | null,
  because: Because,
): void {
  turn.effects.push({ type: "send-update", because, taskId, state, message, exit: null });
}

/** @internal Spawned: from now on it can be killed, and is looked at until it answers. */
export function onSpawned(turn: Turn, process: Supervised, pid: number): void {
  const { processId } = process.order;
  updateProcess(turn, processId, {
    pid,
    phase: "starting",
    note: null,
    startedAtMs: turn.atMs,
    probeDueAtMs: turn.atMs + probeFastMs,
  });
  // A KILL that came before the pid was known.
  if (process.ending !== null && process.ending.sigkillAtMs !== null) {
    signal(turn, { ...process, pid }, "SIGTERM", process.ending.text);
  }
  markChanged(turn, processId, reportSpawnMs);
}

function signal(turn: Turn, process: Supervised, name: "SIGTERM" | "SIGKILL", text: string): void {
  if (process.pid === null) return;
  turn.effects.push({
    type: "signal-process",
    because: { code: "process-ending", text },
    ...namesOf(process),
    pid: process.pid,
    signal: name,
  });
}

/** @internal Ends a process because Mesos asked: SIGTERM now, SIGKILL after `graceMs`. Repeated, it can only shorten. */
export function endGently(turn: Turn, process: Supervised, text: string, graceMs: number): void {
  const { ending } = process;
  const sigkillAtMs = turn.atMs + graceMs;
  if (ending === null) {
    updateProcess(turn, process.order.processId, { ending: { text, asked: true, sigkillAtMs } });
    cancelSpawn(turn, process, text);
    signal(turn, process, "SIGTERM", text);
    return;
  }
  const sooner =
    ending.sigkillAtMs === null ? null : Math.min(ending.sigkillAtMs, turn.atMs + graceMs);
  updateProcess(turn, process.order.processId, {
    ending: { ...ending, asked: true, sigkillAtMs: sooner },
  });
}

/** @internal SIGKILL, once. The first reason stays the reason. */
export function endAtOnce(turn: Turn, process: Supervised, text: string, asked = false): void {
  const before = process.ending;
  if (before !== null && before.sigkillAtMs === null) return;
  const ending: Ending = {
    text: before?.text ?? text,
    asked: asked || (before?.asked ?? false),
    // Before the spawn there is nobody to signal; settleProcess does it as soon as there is.
    sigkillAtMs: process.pid === null ? turn.atMs : null,
  };
  updateProcess(turn, process.order.processId, { ending });
  if (before === null) cancelSpawn(turn, process, text);
  signal(turn, process, "SIGKILL", before?.text ?? text);
}

/** A spawn may take long where an image is to be fetched first. */
function cancelSpawn(turn: Turn, process: Supervised, text: string): void {
  if (process.pid !== null) return;
  const because = { code: "process-ending", text };
  turn.effects.push({ type: "cancel-spawn", because, ...namesOf(process) });
}

/** @internal What its start waits for is told at once. */
export function onNoted(turn: Turn, process: Supervised, text: string | null): void {
  if (process.pid !== null || process.note === text) return;
  updateProcess(turn, process.order.processId, { note: text });
  markChanged(turn, process.order.processId, reportCoalesceMs);
}

/** True while its report is expected to change soon. */
const isExpectant = (process: Supervised): boolean =>
  process.inForce === null || (process.wanted.role === "replica" && !isSynced(process));

/** How long until the next look: twice within the time that a hung one gets, and fast while a change is expected. */
function probeDelayMs(turn: Turn, process: Supervised): number {
  const fresh = turn.atMs - process.wantedAtMs < probeFastForMs;
  if (fresh && isExpectant(process)) return probeFastMs;
  const { redisTimeoutMs, reportIntervalMs } = turn.state.options;
  const delayMs = Math.min(redisTimeoutMs / 2, reportIntervalMs);
  // Spread by pid, so that many processes are not asked in the same turn for ever.
  return Math.max(1, delayMs - ((process.pid ?? 0) % 32));
}

function tellChange(turn: Turn, before: Supervised): void {
  const after = findProcess(turn, before.order.processId);
  if (after !== undefined && isReportable(before, after)) {
    markChanged(turn, before.order.processId, reportCoalesceMs);
  }
}

/** Takes INFO as the work of the goal that should be in force. */
function observeProbe(turn: Turn, process: Supervised, info: RedisInfo): void {
  // Asked before the goal that is being applied: it shows what was before.
  if (process.applying !== null) return;
  // Nothing reconfigured yet: the configuration file has put the first goal in force.
  const goal = process.reconfigured ? process.inForce : process.order.goal;
  observe(turn, process, goal, info);
}

/** @internal It answered. The first answer makes it RUNNING. */
export function onAnswered(
  turn: Turn,
  process: Supervised,
  event: EventOf<"probe-succeeded">,
): void {
  const { processId } = process.order;
  const { info } = event;
  if (info !== null && info.pid !== process.pid) {
    onUnanswered(turn, process);
    return;
  }
  // Before the first INFO nobody knows who answered: a stranger may have the port.
  const serving = process.phase === "serving" || info !== null;
  updateProcess(turn, processId, {
    phase: serving ? "serving" : process.phase,
    unansweredSinceMs: null,
    probe: null,
  });
  const answered = findProcess(turn, processId) ?? process;
  if (info !== null) {
    const { reportIntervalMs } = turn.state.options;
    // A link that begins to be silent is looked at again at the next turn.
    const waitMs = info.lastIoSeconds >= 1 ? 0 : reportIntervalMs * infoShare;
    updateProcess(turn, processId, { infoDueAtMs: turn.atMs + waitMs });
    observeProbe(turn, answered, info);
  }
  const after = findProcess(turn, processId) ?? answered;
  const again = process.probe?.again ?? false;
  const delayMs = again ? 0 : probeDelayMs(turn, after);
  updateProcess(turn, processId, { probeDueAtMs: turn.atMs + delayMs });
  if (serving && process.phase !== "serving" && process.ending === null) {
    const because = { code: "process-answers", text: "it answered PING" };
    pushTaskUpdate(turn, processId, "TASK_RUNNING", null, because);
  }
  tellChange(turn, process);
}

/** @internal No answer (yet): try again soon; settleProcess decides when that is too long. */
export function onUnanswered(turn: Turn, process: Supervised): void {
  updateProcess(turn, process.order.processId, {
    probe: null,
    probeDueAtMs: turn.atMs + (process.probe?.again ? 0 : probeFastMs),
  });
}

/** @internal Its log hints at a change: look now. */
export function onHinted(turn: Turn, process: Supervised, event: EventOf<"process-hinted">): void {
  const waiting = process.phase === "starting";
  if (waiting && event.hint !== "ready") return;
  // A parked process is refused once a second, and nothing changes by that.
  if (process.inForce?.role === "parked" && process.wanted.role === "parked") return;
  const { processId } = process.order;
  updateProcess(turn, processId, { infoDueAtMs: turn.atMs });
  if (process.probe === null) updateProcess(turn, processId, { probeDueAtMs: turn.atMs });
  else updateProcess(turn, processId, { probe: { ...process.probe, again: true } });
}

/** @internal The goal was applied and read back. */
export function onGoalApplied(
  turn: Turn,
  process: Supervised,
  event: EventOf<"goal-applied">,
): void {
  const { processId } = process.order;
  const goal = appliedGoal(process, event);
  updateProcess(turn, processId, {
    applying: null,
    ...(goal === null ? {} : appliedWith(process)),
    applyDueAtMs: turn.atMs + applyRetryMs,
    unansweredSinceMs: null,
    probeDueAtMs: turn.atMs,
  });
  const applied = findProcess(turn, processId);
  if (applied === undefined) return;
  if (goal !== null && event.info.pid === process.pid) observe(turn, applied, goal, event.info);
  // A newer goal came meanwhile: no reason to wait.
  if (!isSameStamp(event.stamp, process.wanted.stamp)) {
    updateProcess(turn, processId, { applyDueAtMs: turn.atMs });
  }
  tellChange(turn, process);
}

const appliedWith = ({ applyingClosed, applyingCutFromMs, cutFromMs }: Supervised) => ({
  closed: applyingClosed,
  cutFromMs: applyingCutFromMs ?? cutFromMs,
});

function appliedGoal(process: Supervised, event: EventOf<"goal-applied">): Goal | null {
  const { applying } = process;
  return applying !== null && isSameStamp(applying.stamp, event.stamp) ? applying : null;
}

/** @internal The goal could not be applied. A park that is refused because it loads is no park: it is killed. */
export function onGoalFailed(turn: Turn, process: Supervised, event: EventOf<"goal-failed">): void {
  const { processId } = process.order;
  const parking = process.applying?.role === "parked";
  updateProcess(turn, processId, {
    applying: null,
    applyDueAtMs: turn.atMs + applyRetryMs,
    inForce: null,
    probeDueAtMs: turn.atMs,
  });
  const failed = findProcess(turn, processId);
  if (failed === undefined) return;
  if (parking && event.reason === "loading") {
    endAtOnce(turn, failed, "killed: it refused to be parked while it loads");
  }
  tellChange(turn, process);
}

/** @internal What time demands of one process. */
export function settleProcess(turn: Turn, processId: string): void {
  const process = findProcess(turn, processId);
  if (process === undefined || process.pid === null) return;
  settleLease(turn, process);
  const known = findProcess(turn, processId) ?? process;
  if (known.closeByMs !== null && turn.atMs >= known.closeByMs) {
    endAtOnce(turn, known, "killed: it accepted writes although it must not, and was not closed");
  } else if (known.ending === null) settleHealth(turn, known);
  else settleEnding(turn, known, known.ending);
  const living = findProcess(turn, processId);
  if (living === undefined || living.ending !== null) return;
  settleGoal(turn, living);
  settleProbe(turn, findProcess(turn, processId) ?? living);
}

function settleEnding(turn: Turn, process: Supervised, ending: Ending): void {
  if (ending.sigkillAtMs === null || turn.atMs < ending.sigkillAtMs) return;
  updateProcess(turn, process.order.processId, { ending: { ...ending, sigkillAtMs: null } });
  signal(turn, process, "SIGKILL", ending.text);
}

function settleHealth(turn: Turn, process: Supervised): void {
  const { redisTimeoutMs, startTimeoutMs } = turn.state.options;
  if (process.phase === "starting") {
    if (turn.atMs - process.startedAtMs >= startTimeoutMs) {
      endAtOnce(turn, process, `killed: no PONG within ${startTimeoutMs} ms of its start`);
    }
    return;
  }
  const since = process.unansweredSinceMs;
  if (since !== null && turn.atMs - since >= redisTimeoutMs) {
    endAtOnce(turn, process, `killed: no PONG for ${redisTimeoutMs} ms`);
  }
}

function settleGoal(turn: Turn, process: Supervised): void {
  if (process.phase !== "serving" || process.applying !== null || process.info === null) return;
  const { wanted, reattach } = process;
  if (!isAsWanted(process)) {
    if (turn.atMs < process.applyDueAtMs) return;
    const because = applyBecause(process);
    pushApply(turn, process, wanted, needsReconnect(process, wanted), because);
  } else if (reattach.dueAtMs !== null && turn.atMs >= reattach.dueAtMs) {
    const because = { code: "master-refused", text: "its master's port was closed; try again" };
    updateProcess(turn, process.order.processId, { reattach: { ...reattach, dueAtMs: null } });
    pushApply(turn, process, wanted, true, because);
  }
}

function applyBecause({ wanted, inForce, closed, closedWanted }: Supervised): Because {
  const isKnown = inForce !== null && isSameStamp(inForce.stamp, wanted.stamp);
  if (!isKnown) return { code: "goal-newer", text: `${wanted.role} of epoch ${wanted.epoch}` };
  if (closedWanted === null) return { code: "master-opens", text: `its ${closed} is good again` };
  return closedWanted === "lease"
    ? { code: "lease-ended", text: "nobody has confirmed its mastership in time" }
    : { code: "clock-set", text: "the wall clock was set, so lags of replicas mean nothing" };
}

function pushApply(
  turn: Turn,
  process: Supervised,
  goal: Goal,
  reconnect: boolean,
  because: Because,
): void {
  const { info, closedWanted: closed } = process;
  const cutReplicas = closed === "clock" && goal.writeQuorum > 0;
  updateProcess(turn, process.order.processId, {
    applying: goal,
    applyingClosed: closed,
    applyingCutFromMs: cutReplicas ? turn.atMs : null,
    followersGiven: goal.followers,
    reconfigured: true,
    unansweredSinceMs: process.unansweredSinceMs ?? turn.atMs,
  });
  settleLease(turn, findProcess(turn, process.order.processId) ?? process);
  turn.effects.push({
    type: "apply-goal",
    because,
    ...namesOf(process),
    goal,
    closed,
    users: usersToChange(process, goal),
    clients: clientsToChange(process, goal),
    cutClients: info?.role === "master" && goal.role !== "master",
    cutReplicas,
    reconnect,
  });
}

function settleProbe(turn: Turn, process: Supervised): void {
  if (process.probe !== null || process.applying !== null) return;
  if (turn.atMs < process.probeDueAtMs) return;
  updateProcess(turn, process.order.processId, {
    probe: { sentAtMs: turn.atMs, again: false },
    unansweredSinceMs: process.unansweredSinceMs ?? turn.atMs,
  });
  const kind = isExpectant(process) || turn.atMs >= process.infoDueAtMs ? "info" : "ping";
  turn.effects.push({
    type: "probe-redis",
    because: { code: "probe-due", text: `time to look at a ${process.phase} process` },
    ...namesOf(process),
    kind,
    timeoutMs: turn.state.options.redisTimeoutMs,
  });
}
