/**
 * Owns the decisions of the executor: what it does about its tasks and redis-servers after each event.
 * Not: how effects are run (packages/executor). Pure; called by the executor's shell and by the simulator.
 *
 * One live process (rows: where it is; columns: what happens; "-" changes nothing):
 *
 * |           | spawned     | answered          | hinted     | time                      | goal newer   | KILL            | exited       |
 * | spawning  | -> starting | -                 | -          | -                         | wanted       | note, then TERM | (failed) end |
 * | starting  | -           | -> serving,RUNNING| probe      | probe; limit: SIGKILL     | wanted       | SIGTERM         | FAILED       |
 * | serving   | -           | observe goal      | probe      | probe; hung: SIGKILL      | apply        | SIGTERM         | FAILED       |
 * | ending    | TERM, KILL  | -                 | -          | grace over: SIGKILL       | wanted       | may shorten     | KILLED if asked, else FAILED |
 * | ended     | void        | void              | void       | leaves reports, forgotten | -            | -               | void         |
 *
 * A serving master is closed and opened again as rules.ts and lease.ts say; each is an application of its goal.
 *
 * A task that is not known: LAUNCH starts it; KILL ends it with one TASK_KILLED (its LAUNCH was lost). A task that
 * has ended: LAUNCH and KILL change nothing, so a process is never started again in place.
 * The executor: SHUTDOWN, a lost agent and idleness lead to exit-executor, once.
 * SPDX-License-Identifier: Apache-2.0
 */
import { unreachable } from "../assert.js";
import { exitLogLinesMax, type LaunchOrder, type ProcessExit } from "../goal/types.js";
import { exitCause } from "../redis/log.js";
import { parseRedisConfig } from "../redis/settings.js";
import { problemsText } from "../result.js";
import { acceptGoal } from "./goal.js";
import { closedAtStart, takeAnswer, takeWallClock } from "./lease.js";
import {
  endAtOnce,
  endGently,
  namesOf,
  onAnswered,
  onGoalApplied,
  onGoalFailed,
  onHinted,
  onNoted,
  onSpawned,
  onUnanswered,
  pushTaskUpdate,
  settleProcess,
  subjectOf,
} from "./process.js";
import { leftoverReport, reportOf, settleReports } from "./report.js";
import { type SuperviseRules, superviseRules } from "./rules.js";
import {
  beginTurn,
  findProcess,
  markChanged,
  removeProcess,
  type Turn,
  updateProcess,
} from "./turn.js";
import {
  closeGraceMs,
  type Decision,
  endedMax,
  processesMax,
  reattachFirstMs,
  type Supervised,
  type SuperviseEvent,
  type SuperviseOptions,
  type SuperviseState,
  shutdownExitShare,
  shutdownTermShare,
  stallMs,
} from "./types.js";
import { processWakeAtMs, wakeAtMs } from "./wake.js";

type EventOf<Type extends SuperviseEvent["type"]> = Extract<SuperviseEvent, { type: Type }>;

/**
 * The state of an executor that has just started. `left`: processes of an earlier run that still live; none is taken
 * over (they end with their executor, and whoever finds one ends it).
 */
export const initialSuperviseState = (
  options: SuperviseOptions,
  atMs: number,
  left: readonly Supervised[] = [],
  rules: SuperviseRules = superviseRules,
): SuperviseState => ({
  options,
  processes: left.filter((process) => rules.mayAdopt(process)),
  ended: [],
  reports: { number: 0, changed: [], changedDueAtMs: null, sentAtMs: atMs, fullDueAtMs: atMs },
  sentBatches: [],
  clock: { offsetMs: null, steppedAtMs: null },
  idleSinceMs: atMs,
  shutdown: null,
  exiting: false,
});

/** What follows from `event`. Never throws for any sequence of events. */
export function decide(
  state: SuperviseState,
  event: SuperviseEvent,
  rules: SuperviseRules = superviseRules,
): Decision {
  if (state.exiting) return { state, effects: [] };
  const turn = beginTurn(state, event.atMs, rules);
  forgiveStall(turn);
  handle(turn, event);
  for (const process of [...turn.processes]) {
    if (processWakeAtMs(process, turn.state.options) <= turn.atMs) {
      settleProcess(turn, process.order.processId);
    }
  }
  settleExit(turn);
  if (!turn.state.exiting) settleReports(turn);
  return { state: turn.state, effects: turn.effects };
}

/**
 * The executor itself was stopped or starved: answers may wait unread, so the silence until now is not held against
 * the processes. Their clocks start again.
 */
function forgiveStall(turn: Turn): void {
  if (turn.atMs - wakeAtMs(turn.state) < stallMs) return;
  for (const { order, unansweredSinceMs, closeByMs } of [...turn.processes]) {
    if (unansweredSinceMs !== null) {
      updateProcess(turn, order.processId, { unansweredSinceMs: turn.atMs });
    }
    if (closeByMs !== null) {
      updateProcess(turn, order.processId, {
        closeByMs: Math.max(closeByMs, turn.atMs + closeGraceMs),
      });
    }
  }
}

function handle(turn: Turn, event: SuperviseEvent): void {
  switch (event.type) {
    case "launch-received":
      onLaunch(turn, event.order, event.startId);
      break;
    case "launch-unreadable":
      endWithoutProcess(turn, event.taskId, "TASK_FAILED", event.text);
      break;
    case "kill-received":
      onKill(turn, event);
      break;
    case "goals-received":
      onGoals(turn, event);
      break;
    case "shutdown-received":
      onShutdown(turn, event);
      break;
    case "agent-lost":
      onAgentLost(turn);
      break;
    case "tick":
      if (event.wallMs !== undefined) takeWallClock(turn, event.wallMs);
      break;
    default:
      handleProcess(turn, event);
      break;
  }
}

type ProcessEvents = Extract<SuperviseEvent, { startId: string; processId: string }>;

function handleProcess(turn: Turn, event: ProcessEvents): void {
  if (event.type === "leftover-ended") {
    onLeftoverEnded(turn, event);
    return;
  }
  const process = subjectOf(turn, event);
  if (process === undefined) return;
  switch (event.type) {
    case "process-spawned":
      onSpawned(turn, process, event.pid);
      break;
    case "spawn-failed":
      onSpawnFailed(turn, process, event.text);
      break;
    case "process-noted":
      onNoted(turn, process, event.text);
      break;
    case "probe-succeeded":
      onAnswered(turn, process, event);
      break;
    case "probe-failed":
      onUnanswered(turn, process);
      break;
    case "process-hinted":
      onHinted(turn, process, event);
      break;
    case "process-exited":
      onExited(turn, process, event);
      break;
    case "goal-applied":
      onGoalApplied(turn, process, event);
      break;
    case "goal-failed":
      onGoalFailed(turn, process, event);
      break;
    default:
      unreachable(event);
  }
}

const isEnded = (state: SuperviseState, taskId: string): boolean =>
  state.ended.some((each) => each.processId === taskId);

function remember(
  turn: Turn,
  processId: string,
  report: Supervised | null,
  exit: ProcessExit | null,
) {
  const last = report === null || exit === null ? null : reportOf(report, exit);
  const ended = [...turn.state.ended, { processId, atMs: turn.atMs, report: last }];
  turn.state = { ...turn.state, ended: ended.slice(-endedMax) };
}

/** A task that never had a process is over. */
function endWithoutProcess(
  turn: Turn,
  taskId: string,
  state: "TASK_FAILED" | "TASK_KILLED",
  text: string,
): void {
  if (isEnded(turn.state, taskId) || findProcess(turn, taskId) !== undefined) return;
  remember(turn, taskId, null, null);
  pushTaskUpdate(turn, taskId, state, text, { code: "task-without-process", text });
}

function onLaunch(turn: Turn, order: LaunchOrder, startId: string): void {
  const { state } = turn;
  const { processId } = order;
  if (isEnded(state, processId) || findProcess(turn, processId) !== undefined) return;
  if (state.shutdown !== null) {
    endWithoutProcess(turn, processId, "TASK_KILLED", "the executor is ending");
    return;
  }
  if (state.processes.length >= processesMax) {
    const text = `this executor has ${processesMax} processes already`;
    endWithoutProcess(turn, processId, "TASK_FAILED", text);
    return;
  }
  const config = parseRedisConfig(order.config);
  if (!config.ok) {
    const text = `its settings are refused: ${problemsText(config.problems)}`;
    endWithoutProcess(turn, processId, "TASK_FAILED", text);
    return;
  }
  const process = supervisedOf(order, startId, turn.atMs);
  turn.processes.push(process);
  const because = { code: "launch-received", text: `launch as ${order.goal.role}` };
  turn.effects.push({ type: "spawn-redis", because, ...namesOf(process), order });
}

const supervisedOf = (order: LaunchOrder, startId: string, atMs: number): Supervised => ({
  order,
  startId,
  pid: null,
  phase: "spawning",
  startedAtMs: atMs,
  unansweredSinceMs: null,
  probe: null,
  probeDueAtMs: atMs,
  infoDueAtMs: atMs,
  info: null,
  wanted: order.goal,
  wantedAtMs: atMs,
  applying: null,
  applyingClosed: null,
  applyingCutFromMs: null,
  applyDueAtMs: atMs,
  reconfigured: false,
  followersGiven: order.goal.followers,
  inForce: null,
  closed: closedAtStart(order.goal),
  closedWanted: closedAtStart(order.goal),
  closeAtMs: null,
  closeByMs: null,
  leaseFromMs: null,
  cutFromMs: null,
  reattach: { dueAtMs: null, delayMs: reattachFirstMs },
  dataEpoch: 0,
  ledEpoch: 0,
  replicationId: "",
  followedEpoch: order.goal.role === "replica" ? order.goal.epoch : 0,
  ending: null,
  note: null,
});

/** The process is gone: tell it at once, forget all but the fact. */
function finish(turn: Turn, process: Supervised, exit: ProcessExit): void {
  const { processId } = process.order;
  removeProcess(turn, processId);
  remember(turn, processId, process, exit);
  const because = { code: "process-exited", text: exit.text };
  turn.effects.push({
    type: "send-update",
    because,
    taskId: processId,
    state: process.ending?.asked ? "TASK_KILLED" : "TASK_FAILED",
    message: exit.text,
    exit,
  });
  markChanged(turn, processId, 0);
  turn.effects.push({ type: "forget-process", because, ...namesOf(process) });
}

/** It was never this executor's: there is no task to tell of, but a report confirms its death. */
function onLeftoverEnded(turn: Turn, event: EventOf<"leftover-ended">): void {
  const { processId, startId, code, signal, text } = event;
  if (isEnded(turn.state, processId) || findProcess(turn, processId) !== undefined) return;
  const report = leftoverReport(processId, startId, { code, signal, text, log: [] });
  const ended = [...turn.state.ended, { processId, atMs: turn.atMs, report }];
  turn.state = { ...turn.state, ended: ended.slice(-endedMax) };
  markChanged(turn, processId, 0);
}

function onSpawnFailed(turn: Turn, process: Supervised, text: string): void {
  const ended = process.ending?.text;
  finish(turn, process, { code: null, signal: null, text: ended ?? text, log: [] });
}

function onExited(turn: Turn, process: Supervised, event: EventOf<"process-exited">): void {
  const log = event.log.slice(-exitLogLinesMax);
  const cause = exitCause(event.code, event.signal, log, process.order.port);
  const told = cause.code === null ? cause.text : `${cause.code}: ${cause.text}`;
  const own = event.cause ?? told;
  const text = process.ending?.text ?? own;
  finish(turn, process, { code: event.code, signal: event.signal, text, log });
}

function onKill(turn: Turn, event: EventOf<"kill-received">): void {
  const process = findProcess(turn, event.taskId);
  if (process === undefined) {
    const text = "it is not known here: its launch was lost, or it ended long ago";
    endWithoutProcess(turn, event.taskId, "TASK_KILLED", text);
    return;
  }
  const graceMs = event.graceMs ?? turn.state.options.stopGraceMs;
  endGently(turn, process, "killed as asked", graceMs);
}

function onGoals(turn: Turn, event: EventOf<"goals-received">): void {
  const { goals, reportNow } = event.batch;
  for (const goal of goals) {
    const process = findProcess(turn, goal.processId);
    if (process !== undefined) acceptGoal(turn, process, goal);
  }
  takeAnswer(turn, event.batch);
  if (!reportNow) return;
  const reports = { ...turn.state.reports, fullDueAtMs: turn.atMs };
  turn.state = { ...turn.state, reports };
}

function onShutdown(turn: Turn, event: EventOf<"shutdown-received">): void {
  const termMs = Math.min(turn.state.options.stopGraceMs, event.graceMs * shutdownTermShare);
  for (const process of [...turn.processes]) {
    endGently(turn, process, "killed: the executor was told to shut down", termMs);
  }
  const exitAtMs = turn.atMs + event.graceMs * shutdownExitShare;
  endExecutor(turn, exitAtMs, "shutdown", "told to shut down by the agent");
}

/** Time for SIGKILL to do its work when the agent is gone. */
const agentLostExitMs = 1_000;

function onAgentLost(turn: Turn): void {
  for (const process of [...turn.processes]) {
    endAtOnce(turn, process, "killed: the agent is gone", true);
  }
  endExecutor(turn, turn.atMs + agentLostExitMs, "agent-lost", "the agent is gone");
}

function endExecutor(turn: Turn, exitAtMs: number, code: string, text: string): void {
  const { shutdown } = turn.state;
  const sooner = shutdown === null ? exitAtMs : Math.min(shutdown.exitAtMs, exitAtMs);
  const because = shutdown?.because ?? { code, text };
  turn.state = { ...turn.state, shutdown: { exitAtMs: sooner, because } };
}

function settleExit(turn: Turn): void {
  const { state, atMs } = turn;
  const none = state.processes.length === 0;
  const idleSinceMs = none ? (state.idleSinceMs ?? atMs) : null;
  turn.state = { ...state, idleSinceMs };
  const { shutdown } = state;
  const idleMs = state.options.executorIdleMs;
  if (shutdown !== null && (none || atMs >= shutdown.exitAtMs)) {
    exit(turn, shutdown.because);
  } else if (idleSinceMs !== null && atMs - idleSinceMs >= idleMs) {
    exit(turn, { code: "idle", text: `no process for ${idleMs} ms` });
  }
}

function exit(turn: Turn, because: { code: string; text: string }): void {
  // The last word: exits that were decided in this very turn.
  settleReports(turn);
  turn.effects.push({ type: "exit-executor", because });
  turn.state = { ...turn.state, exiting: true };
}
