/**
 * Owns what the control plane shows of an instance and of an agent: the stored truth beside the latest reports.
 * Not: JSON for clients (packages/scheduler, api/). Built by control/, read by the API.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { ProcessReport } from "../goal/types.js";
import type { AgentTraits, Unplaced } from "../placement/types.js";
import type { InstanceDocument, ProcessRecord } from "./types.js";

/** One process: its record and what its executor last said. */
export interface ProcessView {
  readonly record: ProcessRecord;
  /** null until the first report after the start of this scheduler. */
  readonly report: ProcessReport | null;
  /** True when it does what it is meant to do: a master that serves, a replica whose link is up. */
  readonly ready: boolean;
}

/** One instance as it is now. `processes` has one entry for each record of the document, in its order. */
export interface InstanceView {
  readonly document: InstanceDocument;
  readonly processes: readonly ProcessView[];
  /** Why some of it has no place; null when nothing waits for one. */
  readonly unplaced: Unplaced | null;
}

/** One agent that the scheduler has heard of. */
export interface AgentView {
  readonly agentId: string;
  readonly hostname: string;
  /** Number of our processes with a record on it. */
  readonly processes: number;
  readonly lastOfferAtMs: number | null;
  /** Attributes and fault domain as of its last offer; null (the default) before the first one. */
  readonly traits?: AgentTraits | null;
  /** What the offers held right now add up to; null when none is held. `ports` is a number of ports. */
  readonly offered: {
    readonly cpus: number;
    readonly memMib: number;
    readonly ports: number;
  } | null;
}
