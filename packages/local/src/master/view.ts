/**
 * Owns the picture of the books that GET /state shows: for people and tests, not the form of a real master.
 * Called by shell/local.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { formatResources } from "@mr-redis/mesos";
import type { AgentBook, Books } from "./books.js";
import { hasTasks } from "./operator.js";

const drainState = (books: Books, agent: AgentBook): "DRAINING" | "DRAINED" =>
  hasTasks(books, agent) ? "DRAINING" : "DRAINED";

/** Agents, frameworks, tasks and offers as plain JSON. */
export function stateView(books: Books): Readonly<Record<string, unknown>> {
  return {
    id: books.masterId,
    agents: [...books.agents.values()].map((agent) => ({
      id: agent.id,
      hostname: agent.info.hostname,
      address: `${agent.endpoint.ip}:${agent.endpoint.port}`,
      state: agent.state,
      ...(agent.drain === null ? {} : { drain: drainState(books, agent) }),
      ...(agent.unavailability === null
        ? {}
        : { inverseAnswers: Object.fromEntries(agent.inverseAnswers) }),
      total: formatResources(agent.total),
      free: formatResources(agent.free),
      executors: [...agent.executors.values()].flatMap((executors) => [...executors.keys()]),
    })),
    frameworks: [...books.frameworks.values()].map((framework) => ({
      id: framework.id,
      name: framework.info.name,
      isConnected: framework.streamId !== null,
      suppressedRoles: [...framework.suppressed],
      filtersCount: framework.filters.length,
    })),
    tasks: [...books.frameworks.values()].flatMap((framework) =>
      [...framework.tasks.values()].map((task) => ({
        id: task.info.task_id.value,
        frameworkId: framework.id,
        agentId: task.agentId,
        executorId: task.executorId,
        state: task.state,
        labels: task.info.labels?.labels ?? [],
        discovery: task.info.discovery ?? null,
        statusLabels: task.statusLabels?.labels ?? [],
      })),
    ),
    offers: [...books.offers.values()].map((offer) => ({
      id: offer.id,
      frameworkId: offer.frameworkId,
      agentId: offer.agentId,
      resources: formatResources(offer.resources),
      ageMs: books.ports.clock.nowMs() - offer.atMs,
    })),
    offersEnded: { ...books.offersEnded },
  };
}
