/**
 * Owns what is shown of instances and agents: read-only views of the decision core's memory.
 * Not: their JSON (packages/scheduler, api/). Called by the scheduler's shell for the API.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { InstanceStatus } from "../instance/types.js";
import type { AgentView, InstanceView } from "../instance/view.js";
import type { InstanceCell } from "./cell.js";
import type { Control } from "./control.js";
import { isReady } from "./goals.js";

/** One instance as it is now. */
export const viewOf = (cell: InstanceCell): InstanceView => ({
  document: cell.document,
  processes: cell.document.processes.map((record) => {
    const report = cell.reports.get(record.id);
    return { record, report: report ?? null, ready: isReady(cell.document, record, report) };
  }),
  unplaced: cell.unplaced,
});

/** Instances of this name that were accepted (their record is stored), or null. */
export function viewNamed(control: Control, name: string): InstanceView | null {
  const cell = control.cells.get(name);
  return cell === undefined || cell.stored === null ? null : viewOf(cell);
}

/** Names in order, remade only when instances came or went. */
export class NameIndex {
  #names: readonly string[] = [];
  #membership = -1;

  names(control: Control): readonly string[] {
    if (this.#membership !== control.membership) {
      this.#names = [...control.cells.keys()].sort();
      this.#membership = control.membership;
    }
    return this.#names;
  }
}

/** A page of instances behind `after`, in the order of names. */
export function pageOf(
  control: Control,
  names: readonly string[],
  query: {
    readonly after: string | null;
    readonly limit: number;
    readonly status: InstanceStatus | null;
  },
): { readonly instances: InstanceView[]; readonly next: string | null } {
  const instances: InstanceView[] = [];
  for (let index = firstBehind(names, query.after); index < names.length; index += 1) {
    const cell = control.cells.get(names[index] ?? "");
    if (cell === undefined || cell.stored === null) continue;
    if (query.status !== null && cell.document.status !== query.status) continue;
    if (instances.length === query.limit) {
      return { instances, next: instances.at(-1)?.document.name ?? null };
    }
    instances.push(viewOf(cell));
  }
  return { instances, next: null };
}

/** Index of the first name behind `after`, by halving. */
export function firstBehind(names: readonly string[], after: string | null): number {
  if (after === null) return 0;
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((names[middle] ?? "") <= after) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** All known agents with what is recorded on them and what they offer now. */
export function agentViews(control: Control): AgentView[] {
  const processes = new Map<string, number>();
  for (const cell of control.cells.values()) {
    for (const process of cell.document.processes) {
      processes.set(process.agentId, (processes.get(process.agentId) ?? 0) + 1);
    }
  }
  const offered = new Map<string, { cpus: number; memMib: number; ports: number }>();
  for (const offer of control.heldOffers()) {
    const sum = offered.get(offer.agentId) ?? { cpus: 0, memMib: 0, ports: 0 };
    sum.cpus += offer.cpusMilli / 1000;
    sum.memMib += offer.memMilliMib / 1000;
    sum.ports += offer.ports.reduce((count, range) => count + range.end - range.begin + 1, 0);
    offered.set(offer.agentId, sum);
  }
  return control.agents.list().map(({ agentId, hostname, lastOfferAtMs, traits }) => ({
    agentId,
    hostname,
    processes: processes.get(agentId) ?? 0,
    lastOfferAtMs,
    traits,
    offered: offered.get(agentId) ?? null,
  }));
}
