/**
 * Owns the lines of a trace: events, effects and documents, short enough to read a failover in.
 * Not: where they go (main.ts). Called by world.ts only when somebody reads.
 * SPDX-License-Identifier: Apache-2.0
 */
import type {
  ControlEvent,
  Effect,
  Goal,
  InstanceDocument,
  ProcessReport,
  Stamp,
} from "@mr-redis/core";

/** Last digits of an id: unique in a run. */
export const nameOf = (processId: string | null | undefined): string =>
  processId == null ? "-" : processId.slice(-4);

const stampOf = ({ term, counter }: Stamp): string => `${term}.${counter}`;

const mark = (is: boolean, word: string): string => (is ? ` ${word}` : "");

function reportLine(report: ProcessReport): string {
  const { phase, stamp, epoch, role, writeQuorum, goodReplicas, dataEpoch, offset } = report;
  const flags = [
    mark(report.linkUp, "link"),
    mark(report.synced, "synced"),
    mark(report.loading, "loading"),
    mark(report.diverged, "diverged"),
    report.closed === null ? "" : ` closed:${report.closed}`,
  ].join("");
  return `[${nameOf(report.processId)} ${phase} ${stampOf(stamp)} e${epoch} ${role} w${writeQuorum} good${goodReplicas} de${dataEpoch} @${offset}${flags}]`;
}

function goalLine({ processId, stamp, epoch, role, writeQuorum, leaseMs, ...goal }: Goal): string {
  const followers = goal.followers.map(({ user }) => user.slice(-4)).join(",");
  const master = goal.master === null ? "" : ` of ${nameOf(goal.master.processId)}`;
  const lease = leaseMs === null ? "" : ` lease ${leaseMs}`;
  return `[${nameOf(processId)} ${stampOf(stamp)} e${epoch} ${role}${master} w${writeQuorum}${lease} users(${followers})]`;
}

/** The parts of a document that decide who may write. */
export function documentLine(document: InstanceDocument | null): string {
  if (document === null) return "removed";
  const processes = document.processes.map(
    ({ id, role, state, agentId, member, expelled, dataEpoch }) =>
      `${nameOf(id)}@${agentId} ${role} ${state}${mark(member, "R")}${mark(expelled, "X")} de${dataEpoch}`,
  );
  const { status, epoch, masterId, writeQuorum, reason } = document;
  return `${status} e${epoch} master ${nameOf(masterId)} w${writeQuorum} [${processes.join("; ")}] ${reason?.text ?? ""}`;
}

/** One line of an event. */
export function eventLine(event: ControlEvent): string {
  switch (event.type) {
    case "reports-received": {
      const { batch, agentId } = event;
      return `reports ${agentId} ${batch.runId} #${batch.number} ${batch.processes.map(reportLine).join(" ")}`;
    }
    case "task-updated": {
      const { taskId, state, source, reason } = event.update;
      return `update ${nameOf(taskId)} ${state} ${source} ${reason ?? ""}`;
    }
    case "offers-received":
      return `offers ${event.offers.map(({ agentId }) => agentId).join(" ")}`;
    case "commit-finished":
      return `commit ${event.commitId} ${event.result.type}`;
    default: {
      const { type, atMs: _, monotonicMs: __, ...rest } = event;
      return `${type} ${JSON.stringify(rest)}`;
    }
  }
}

/** One line of an effect; null: nothing that matters. */
export function effectLine(effect: Effect): string | null {
  switch (effect.type) {
    case "view-changed":
    case "acknowledge":
    case "decline-offers":
      return null;
    case "commit-document":
      return `commit ${effect.commitId} ${effect.name} ${documentLine(effect.document)}`;
    case "send-goals": {
      const { answers, goals, leases } = effect.batch;
      const answer = answers === null ? "" : ` answers #${answers.number}`;
      const named = leases.length === 0 ? "" : ` leases ${leases.map(nameOf).join(",")}`;
      return `goals ${effect.agentId}${answer}${named} ${goals.map(goalLine).join(" ")}`;
    }
    case "accept-offers":
      return `launch ${effect.agentId} ${effect.launches.map(({ order }) => goalLine(order.goal)).join(" ")}`;
    case "kill-task":
      return `kill ${nameOf(effect.taskId)} ${effect.because.text}`;
    default:
      return JSON.stringify(effect);
  }
}
