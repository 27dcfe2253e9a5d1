/**
 * Owns the translation between the session of the agent and the supervisor: events in, updates and messages out.
 * Not: the session (packages/mesos), nor any decision. Called by main.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type CertificateAnswer,
  decodeCertificateAnswer,
  decodeGoalBatch,
  decodeLaunchOrder,
  isCertificateAnswer,
  problemsText,
} from "@mr-redis/core";
import {
  base64ToBytes,
  type ExecutorEvent,
  type ExecutorSession,
  type Labels,
  type TaskInfo,
  textToBase64,
} from "@mr-redis/mesos";
import type { ExecutorLink, Log } from "./ports.js";
import type { SupervisorInput } from "./supervisor.js";

/** What the translation of events needs. */
export interface AgentEventsOptions {
  /** From SHUTDOWN until the agent kills the container. */
  readonly shutdownGraceMs: number;
  /** A new unique name for a spawn. */
  readonly newStartId: () => string;
  /** What the scheduler says of a certificate; it concerns no process by itself. */
  readonly onCertificate: (answer: CertificateAnswer) => void;
  readonly log: Log;
}

function textOf(data: string | undefined): string | null {
  const bytes = base64ToBytes(data ?? "");
  return bytes.ok ? new TextDecoder().decode(bytes.value) : null;
}

function launchOf(task: TaskInfo, options: AgentEventsOptions): SupervisorInput {
  const taskId = task.task_id.value;
  const refused = (text: string): SupervisorInput => ({ type: "launch-unreadable", taskId, text });
  const text = textOf(task.data);
  if (text === null) return refused("its data is no base64");
  const order = decodeLaunchOrder(text);
  if (!order.ok) return refused(`its data is no launch order: ${problemsText(order.problems)}`);
  if (order.value.processId !== taskId) return refused("its launch order names another task");
  return { type: "launch-received", order: order.value, startId: options.newStartId() };
}

function messageOf(data: string, { onCertificate, log }: AgentEventsOptions): SupervisorInput[] {
  const text = textOf(data);
  if (text !== null && isCertificateAnswer(text)) {
    const answer = decodeCertificateAnswer(text);
    if (answer.ok) onCertificate(answer.value);
    else {
      const problem = problemsText(answer.problems);
      log.error("message of the scheduler not understood", { problem });
    }
    return [];
  }
  const batch = text === null ? null : decodeGoalBatch(text);
  if (batch?.ok) return [{ type: "goals-received", batch: batch.value }];
  const problem = batch === null ? "no base64" : problemsText(batch.problems);
  log.error("message of the scheduler not understood", { problem });
  return [];
}

const nanosecondsPerMs = 1e6;

/** What an event of the agent means to the supervisor; nothing for those that only concern the session. */
export function supervisorInputs(
  event: ExecutorEvent,
  options: AgentEventsOptions,
): SupervisorInput[] {
  switch (event.type) {
    case "LAUNCH":
      return event.launch === undefined ? [] : [launchOf(event.launch.task, options)];
    case "LAUNCH_GROUP":
      // Never asked for by our scheduler; all or none, so none.
      return (event.launch_group?.task_group.tasks ?? []).map((task) => ({
        type: "launch-unreadable",
        taskId: task.task_id.value,
        text: "this executor starts no task groups",
      }));
    case "KILL": {
      if (event.kill === undefined) return [];
      const nanoseconds = event.kill.kill_policy?.grace_period?.nanoseconds;
      const graceMs =
        nanoseconds === undefined ? null : Math.max(0, nanoseconds / nanosecondsPerMs);
      return [{ type: "kill-received", taskId: event.kill.task_id.value, graceMs }];
    }
    case "MESSAGE":
      return event.message === undefined ? [] : messageOf(event.message.data, options);
    case "ERROR":
    case "SHUTDOWN":
      return [{ type: "shutdown-received", graceMs: options.shutdownGraceMs }];
    default:
      return [];
  }
}

/** A link over a session, with a way to wait until the agent has all updates. */
export interface AgentLink extends ExecutorLink {
  /** Resolves when no update waits for its acknowledgement. */
  drained(): Promise<void>;
}

const labelsOf = (labels: Readonly<Record<string, string>>): Labels => ({
  labels: Object.entries(labels).map(([key, value]) => ({ key, value })),
});

/** The supervisor's way to the scheduler over `session`. */
export function createAgentLink(session: ExecutorSession, log: Log): AgentLink {
  const waiting = new Set<Promise<void>>();
  return {
    sendUpdate({ taskId, state, message, data, labels }) {
      const sent = session
        .update({
          task_id: { value: taskId },
          state,
          ...(message === null ? {} : { message }),
          ...(data === null ? {} : { data: textToBase64(data) }),
          ...(labels === null ? {} : { labels: labelsOf(labels) }),
        })
        .then((outcome) => {
          if (outcome.type !== "acknowledged")
            log.error("update not stored", { taskId, ...outcome });
        });
      waiting.add(sent);
      void sent.finally(() => waiting.delete(sent));
    },
    sendMessage(text) {
      // A lost report is followed by the next one.
      void session.message(textToBase64(text));
    },
    async drained() {
      while (waiting.size > 0) await Promise.all(waiting);
    },
  };
}
