/**
 * Owns the answer to a failover on request: taken up, or refused with the reason and its numbers.
 * Not: its course (handover.ts, step.ts). Called by control.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { InstanceCell } from "../control/cell.js";
import type { Reply } from "../control/effects.js";
import type { ControlEvent } from "../control/events.js";
import { isReady } from "../control/goals.js";
import type { ReviewHost } from "../control/review-host.js";
import { controlLimits } from "../control/settings.js";
import { masterOf, processOf } from "../control/transitions.js";
import type { Because, ProcessRecord } from "../instance/types.js";
import { isMasterSilent, isReachable } from "./contact.js";
import { newFailover } from "./step.js";
import { waitBecause } from "./waiting.js";

/** What is asked for; `because`: by whom or what for, where it is not the operator. */
type Request = Pick<Extract<ControlEvent, { type: "failover-requested" }>, "to" | "force"> & {
  readonly because?: string;
};

/** Takes up the request, or says why not. */
export function requestFailover(
  cell: InstanceCell | undefined,
  request: Request,
  host: ReviewHost,
): Reply {
  if (cell === undefined || cell.removing || cell.stored === null) return { type: "not-found" };
  if (cell.document.status === "DELETED") return { type: "not-found" };
  const problem = problemOf(cell, request, host);
  if (problem !== null) return { type: "failover-refused", ...problem };
  const { epoch } = cell.document;
  if (cell.failover !== null) {
    const decideByMs = host.monotonicMs + controlLimits.parkWaitMs;
    cell.failover = { ...cell.failover, kind: "forced", to: request.to, decideByMs };
    return { type: "failover-accepted", epoch: epoch + 1 };
  }
  const master = masterOf(cell.document);
  const canAsk = master !== undefined && !isMasterSilent(master, host);
  const asked = request.because ?? "asked for by the operator";
  const text = `${asked}${request.force ? ", whatever it costs" : ""}`;
  const kind = request.force ? "forced" : "planned";
  const limitMs = canAsk ? controlLimits.handoverMsMax : controlLimits.parkWaitMs;
  cell.failover = {
    ...newFailover(
      cell,
      [
        {
          by: request.because === undefined ? "operator" : "scheduler",
          what: text,
          atMs: host.atMs,
        },
      ],
      host,
    ),
    kind,
    because: { code: kind, text },
    to: request.to,
    decideByMs: host.monotonicMs + limitMs,
  };
  cell.failover.steps.push({ name: "requested", atMs: host.atMs });
  return { type: "failover-accepted", epoch: epoch + 1 };
}

function problemOf(cell: InstanceCell, request: Request, host: ReviewHost): Because | null {
  const { document, failover } = cell;
  const { to, force } = request;
  if (document.status === "DELETING") return no("deleting", "it is being deleted");
  if (document.epoch === 0) return no("creating", "it has no master yet");
  // During an upgrade a single has a replica for a time.
  if (document.spec.slaves === 0 && document.processes.length < 2) {
    return no("single", "it has one process and no replica");
  }
  if (!host.subscribed) return no("no-session", "there is no session with the Mesos master");
  if (failover !== null && (!force || failover.kind === "planned" || failover.kind === "forced")) {
    const { text } = waitBecause(cell, failover, host);
    return no("failing-over", `a failover is under way: ${text}`);
  }
  if (to !== null && processOf(document, to) === undefined) {
    return no("no-such-process", `${to} is none of its ${document.processes.length} processes`);
  }
  const master = masterOf(document);
  if (to !== null && to === master?.id) return no("already-master", `${to} is its master`);
  if (force) return problemOfForced(cell, to, host);
  if (master === undefined || isMasterSilent(master, host)) {
    const text =
      "its master cannot be reached, so its writes cannot be paused; --force goes on without it";
    return no("unreachable", text);
  }
  return problemOfPlanned(cell, master, to, host);
}

const no = (code: string, text: string): Because => ({ code, text });

/** Whoever can be reached can be forced upon the instance; without a name, the best of those with data. */
function problemOfForced(cell: InstanceCell, to: string | null, host: ReviewHost): Because | null {
  const { processes, masterId } = cell.document;
  const reachable = processes.filter(
    (process) => process.id !== masterId && isReachable(process, host),
  );
  if (to === null && reachable.length === 0) {
    return no("not-ready", `none of its ${processes.length} processes can be reached`);
  }
  if (to !== null && reachable.every((process) => process.id !== to)) {
    return no("not-ready", `${to} cannot be reached`);
  }
  return null;
}

function problemOfPlanned(
  cell: InstanceCell,
  master: ProcessRecord,
  to: string | null,
  host: ReviewHost,
): Because | null {
  const { document } = cell;
  const replicas = document.processes.filter((process) => process.id !== master.id);
  if (to !== null) {
    const process = processOf(document, to);
    return process === undefined ? null : problemOfTarget(cell, master, process, host);
  }
  const problems = replicas.map((process) => problemOfTarget(cell, master, process, host));
  if (problems.some((problem) => problem === null)) return null;
  const first = problems[0]?.text ?? "it has no replica";
  return no("not-ready", `none of its ${replicas.length} replicas can take over: ${first}`);
}

/** Why this replica cannot take over without losing a write; null: it can. */
function problemOfTarget(
  cell: InstanceCell,
  master: ProcessRecord,
  process: ProcessRecord,
  host: ReviewHost,
): Because | null {
  const report = cell.reports.get(process.id);
  if (!isReachable(process, host) || report?.phase !== "serving") {
    return no("not-ready", `${process.id} on ${process.hostname} cannot be reached`);
  }
  if (report.dataEpoch === 0) {
    return no("empty", `${process.id} has no data: it was never in sync`);
  }
  const offset = cell.reports.get(master.id)?.offset ?? 0;
  const behind = Math.max(0, offset - report.offset);
  const numbers = `it is at offset ${report.offset}, the master at ${offset}: ${behind} bytes behind`;
  if (!isReady(cell.document, process, report)) {
    return no("behind", `${process.id} is not in sync with the master; ${numbers}`);
  }
  if (behind > controlLimits.handoverBytesMax) {
    const most = controlLimits.handoverBytesMax;
    return no("behind", `${process.id}: ${numbers}, more than the ${most} that a pause may take`);
  }
  return null;
}
