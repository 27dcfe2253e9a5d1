/**
 * Owns the words for what a failover waits for, with the numbers.
 * Not: the waiting (step.ts, handover.ts). Shown as the reason of the instance's status.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { FailoverInProgress, InstanceCell } from "../control/cell.js";
import type { ReviewHost } from "../control/review-host.js";
import { unreachableText } from "../control/status.js";
import { masterOf } from "../control/transitions.js";
import type { Because, ProcessRecord } from "../instance/types.js";
import { isReachable } from "./contact.js";
import { absentOf, fenceFactsOf, remainingOf } from "./step.js";

const because = (code: string, text: string): Because => ({ code, text });

const names = (processes: readonly ProcessRecord[]): string =>
  processes.map(({ id, hostname }) => `${id} on ${hostname}`).join(", ");

/** What `failover` waits for. Each change of the text is a commit, and a promotion waits for that: so it changes rarely. */
export function waitBecause(
  cell: InstanceCell,
  failover: FailoverInProgress,
  host: ReviewHost,
): Because {
  if (failover.kind === "planned") {
    const text = "failover on request: writes are paused until a replica has all of them";
    return because("failing-over", text);
  }
  const master = masterOf(cell.document);
  const what = master === undefined ? "the master is gone" : failover.because.text;
  const isHopeless =
    failover.candidates.size === 0 &&
    cell.document.processes.every(
      (process) => process.id === cell.document.masterId || !isReachable(process, host),
    );
  const away = isHopeless ? unreachableText(cell.document) : null;
  if (away !== null) return because("unreachable", `${what}; ${away}`);
  const offset = offsetText(cell, failover, host);
  if (offset !== null) return because("failing-over", `${what}; ${offset}`);
  if (master === undefined || failover.kind === "forced") {
    return because("failing-over", `${what}; a replica is being promoted`);
  }
  return because("fencing", `${what}; ${fenceText(cell, failover, master, host)}`);
}

/** What may be newer than the best that answered, or null. */
function offsetText(
  cell: InstanceCell,
  failover: FailoverInProgress,
  host: ReviewHost,
): string | null {
  const { document } = cell;
  const { rules } = host.settings;
  const best = [...failover.candidates.values()].sort(rules.compareCandidates)[0];
  const others = document.processes.filter((process) => process.id !== document.masterId);
  if (best === undefined || failover.kind === "forced") return null;
  if (rules.mayChoose(best, absentOf(cell, failover))) return null;
  const newer = others.filter((process) => !failover.candidates.has(process.id));
  return (
    `the best replica that can be reached has data of reign ${best.dataEpoch}${best.diverged ? ", written by a master that was deposed" : ""}; ` +
    `waits for what may be newer: ${names(newer)} (\`mrr failover --force\` goes on without it)`
  );
}

/** What the fence still lacks. */
function fenceText(
  cell: InstanceCell,
  failover: FailoverInProgress,
  master: ProcessRecord,
  host: ReviewHost,
): string {
  const facts = fenceFactsOf(cell, master, failover.parked, host);
  const quorum = facts.quorumMin;
  const allowed = quorum === 0 ? 0 : quorum - 1;
  if (facts.remaining > allowed) {
    const left = names(remainingOf(cell, failover.parked, host));
    return `${facts.remaining} replicas may still count for its writes (${left}), at most ${allowed} may with a write quorum of ${quorum}`;
  }
  const { lagMs, marginMs, masterLeaseMs, rules } = host.settings;
  if (!facts.waited) {
    const waitMs = rules.waitMs(lagMs, marginMs);
    return `it refuses writes by itself ${waitMs} ms after the last replica has left it`;
  }
  if (quorum === 0 && !facts.leaseOver) {
    const leaseMs = masterLeaseMs + marginMs;
    return `it had no replica that counts for its writes: it refuses them ${leaseMs} ms after it was last heard`;
  }
  return "a replica is being promoted";
}
