/**
 * Owns the answer to "why is it not placed?": a summary, and one text for each known agent.
 * Not: the placing itself (match.ts). Called by match.ts after everything is placed.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Because } from "../instance/types.js";
import { type ConstraintTally, constraintText, tallyOf } from "./constraints.js";
import { type AgentRoom, countByAgent, fitCount, fits } from "./fit.js";
import type { PlacementLimit } from "./limit.js";
import type { Assignment, KnownAgent, ProcessNeed, Unplaced, Wanted } from "./types.js";

/** Codes of {@link Unplaced}`.because`. */
export type UnplacedCode =
  /** The scheduler has heard of no agent. */
  | "no-agents"
  /** More agents are needed for the distribution than are known (and satisfy the constraints). */
  | "too-few-agents"
  /** The agents that are known cannot satisfy the constraints, whatever room they have. */
  | "constraints"
  /** Agents are known, none of them is offered now. */
  | "no-offers"
  /** Offers of agents that hold fewer are still expected ({@link Wanted}`.waitForSpread`). */
  | "spread-waits"
  /** The offered agents lack cpus, memory, ports, or places under the distribution. */
  | "no-room";

/** One instance that was not placed in full, with what {@link match} knew about it. */
export interface Explainable {
  readonly wanted: Wanted;
  readonly limit: PlacementLimit;
  readonly avoided: ReadonlySet<string>;
  /** What it was given in this call. */
  readonly placedHere: readonly Assignment[];
}

/** Input of {@link explain}; rooms as they are after the last placement. */
export interface ExplainInput {
  readonly unplaced: readonly Explainable[];
  /** Ascending by id. */
  readonly known: readonly KnownAgent[];
  readonly roomsById: ReadonlyMap<string, AgentRoom>;
  readonly executorNeed: ProcessNeed;
}

type AgentReason = Unplaced["agents"][number];

/** What can be said of all known agents for one kind of want. */
interface Judgement {
  /** How many more processes they could take together. */
  readonly more: number;
  readonly reasons: readonly AgentReason[];
}

/** A judgement that serves all instances of a kind; `moreBy[i]` is the part of agent i in `more`. */
interface SharedJudgement extends Judgement {
  readonly moreBy: readonly number[];
}

/**
 * The reasons of all that was not placed. Rooms only shrink during a match, so what did not fit in its turn does
 * not fit now either, and every text is true of the state after the match.
 *
 * Instances that want the same and hold nothing share one list: 10,000 that wait for 1,000 agents would else
 * need ten million texts.
 */
export function explain(input: ExplainInput): Unplaced[] {
  const shared = new Map<string, SharedJudgement>();
  const indexes = new Map(input.known.map((agent, index) => [agent.agentId, index]));
  return input.unplaced.map((item) => {
    const { need } = item.wanted;
    const tally = tallyOf(item.wanted.document, new Map(), item.placedHere);
    const key = [
      ...[need.cpusMilli, need.memMilliMib, item.limit.kind, item.limit.count],
      tally?.key() ?? "",
    ].join(" ");
    const general = shared.get(key) ?? judge(input, item, tally);
    shared.set(key, general);
    const judgement = special(input, item, tally, general, indexes);
    return {
      instance: item.wanted.document.name,
      missing: item.wanted.roles.length - item.placedHere.length,
      because: summarise(input, item, tally, judgement),
      agents: judgement.reasons,
    };
  });
}

/** The judgement for an instance that holds nothing and avoids nobody. */
function judge(
  input: ExplainInput,
  item: Explainable,
  tally: ConstraintTally | null,
): SharedJudgement {
  const judged = input.known.map((agent) =>
    judgeAgent(input, item, tally, { agent, holds: 0, avoids: false }),
  );
  const moreBy = judged.map(({ more }) => more);
  return {
    more: moreBy.reduce((sum, more) => sum + more, 0),
    moreBy,
    reasons: judged.map(({ reason }) => reason),
  };
}

/** `general` with the agents replaced that this very instance holds or avoids; `indexes` of `known` by agent id. */
function special(
  input: ExplainInput,
  item: Explainable,
  tally: ConstraintTally | null,
  general: SharedJudgement,
  indexes: ReadonlyMap<string, number>,
): Judgement {
  const held = heldAfter(item);
  if (held.size === 0 && item.avoided.size === 0) return general;
  let { more } = general;
  const reasons = [...general.reasons];
  for (const agentId of new Set([...held.keys(), ...item.avoided])) {
    const index = indexes.get(agentId);
    const agent = index === undefined ? undefined : input.known[index];
    if (index === undefined || agent === undefined) continue;
    const avoids = item.avoided.has(agentId);
    const judged = judgeAgent(input, item, tally, {
      agent,
      holds: held.get(agentId) ?? 0,
      avoids,
    });
    more += judged.more - (general.moreBy[index] ?? 0);
    reasons[index] = judged.reason;
  }
  return { more, reasons };
}

const heldAfter = (item: Explainable): Map<string, number> =>
  countByAgent([...item.wanted.document.processes, ...item.placedHere]);

function judgeAgent(
  input: ExplainInput,
  item: Explainable,
  tally: ConstraintTally | null,
  { agent, holds, avoids }: { agent: KnownAgent; holds: number; avoids: boolean },
): { more: number; reason: AgentReason } {
  const { limit, wanted } = item;
  const { agentId, hostname } = agent;
  const room = input.roomsById.get(agentId);
  const none = (text: string) => ({ more: 0, reason: { agentId, hostname, text } });
  const { traits = null } = agent;
  const misfit = traits === null ? null : (tally?.misfit(traits) ?? null);
  if (misfit !== null) return none(misfit);
  if (limit.kind === "distribution" && holds >= limit.count) {
    return none(`holds ${holds} of this instance already (distribution ${limit.count})`);
  }
  const full = traits === null ? null : (tally?.fullText(traits) ?? null);
  if (full !== null) return none(full);
  if (room === undefined) return none("not offered now");
  if (avoids) return none("avoided for now after a failed start there");
  if (!fits(room, wanted.need, input.executorNeed)) {
    return none(lack(room, wanted.need, input.executorNeed));
  }
  if (holds >= limit.count)
    return none(`holds ${holds} of this instance already, waits for others`);
  const more = Math.min(
    fitCount(room, wanted.need, input.executorNeed),
    limit.count - holds,
    tally?.left(room) ?? Number.POSITIVE_INFINITY,
  );
  return { more, reason: { agentId, hostname, text: `has room for ${more} only` } };
}

/** Everything that a process lacks on an offered agent, e.g. `0.05 cpus free, 0.1 needed`. */
function lack(room: AgentRoom, need: ProcessNeed, executorNeed: ProcessNeed): string {
  const due: ProcessNeed = room.executorDue ? executorNeed : { cpusMilli: 0, memMilliMib: 0 };
  const parts: string[] = [];
  const cpus = need.cpusMilli + due.cpusMilli;
  if (room.cpusMilli < cpus) {
    const executor = due.cpusMilli > 0 ? ` (${thousandths(due.cpusMilli)} for the executor)` : "";
    parts.push(`${thousandths(room.cpusMilli)} cpus free, ${thousandths(cpus)} needed${executor}`);
  }
  const mem = need.memMilliMib + due.memMilliMib;
  if (room.memMilliMib < mem) {
    const executor =
      due.memMilliMib > 0 ? ` (${thousandths(due.memMilliMib)} for the executor)` : "";
    parts.push(`${thousandths(room.memMilliMib)} MiB free, ${thousandths(mem)} needed${executor}`);
  }
  if (room.ports.left === 0) parts.push("no free port");
  return parts.join("; ");
}

function summarise(
  input: ExplainInput,
  item: Explainable,
  tally: ConstraintTally | null,
  judgement: Judgement,
): Because {
  const { limit, wanted } = item;
  const known = input.known.length;
  const missing = wanted.roles.length - item.placedHere.length;
  if (known === 0) return because("no-agents", "no agent is known yet");
  // An agent of which no more than its name is known may have any attribute.
  const able = input.known.filter(
    ({ traits = null }) => tally === null || traits === null || tally.misfit(traits) === null,
  );
  if (tally !== null) {
    const text = constraintsText(item, tally, able, missing);
    if (text !== null) return because("constraints", text);
  }
  if (limit.kind === "distribution") {
    const held = heldAfter(item);
    const places = able.reduce(
      (sum, agent) => sum + Math.max(0, limit.count - (held.get(agent.agentId) ?? 0)),
      0,
    );
    const total = wanted.document.processes.length + wanted.roles.length;
    const agentsNeeded = Math.ceil(total / limit.count);
    if (places < missing && able.length < agentsNeeded) {
      const which = tally === null ? "known" : "known that satisfy the constraints";
      const text = `needs ${agentsNeeded} agents for distribution ${limit.count}, ${able.length} ${are(able.length)} ${which}`;
      return because("too-few-agents", text);
    }
  }
  if (input.roomsById.size === 0) {
    return because("no-offers", `none of the ${agents(known)} known is offered now`);
  }
  if (limit.kind === "spread") {
    const silent = known - input.roomsById.size;
    return because("spread-waits", `waits for offers of ${agents(silent)} to spread evenly`);
  }
  return because("no-room", noRoomText(input, item, judgement, missing));
}

/** What keeps the known agents from ever satisfying the constraints; null when nothing does. */
function constraintsText(
  item: Explainable,
  tally: ConstraintTally,
  able: readonly KnownAgent[],
  missing: number,
): string | null {
  if (able.length === 0) {
    const all = (item.wanted.document.spec.constraints ?? []).map(constraintText).join("; ");
    return `no known agent satisfies the constraints (${all})`;
  }
  const traits = able.flatMap((agent) => agent.traits ?? []);
  return traits.length < able.length ? null : tally.shortage(traits, missing);
}

function noRoomText(
  input: ExplainInput,
  item: Explainable,
  judgement: Judgement,
  missing: number,
): string {
  const { need } = item.wanted;
  const each = `${thousandths(need.cpusMilli)} cpus, ${thousandths(need.memMilliMib)} MiB and a port`;
  const offered = `${agents(input.roomsById.size)} offered`;
  const { more } = judgement;
  const { constraints } = item.wanted.document.spec;
  if (constraints !== undefined && more >= missing) {
    const all = constraints.map(constraintText).join("; ");
    return `no places for ${missing} at once that satisfy the constraints (${all})`;
  }
  if (more > 0) {
    return `needs room for ${missing} at once (${each} each), the ${offered} have room for ${more}`;
  }
  return missing === 1
    ? `no room for a process (${each}) on the ${offered}`
    : `no room for ${missing} processes (${each} each) on the ${offered}`;
}

const because = (code: UnplacedCode, text: string): Because => ({ code, text });
const agents = (count: number): string => (count === 1 ? "1 agent" : `${count} agents`);
const are = (count: number): string => (count === 1 ? "is" : "are");
const thousandths = (value: number): string => String(value / 1000);
