/**
 * Owns what can be asked of the admin API: its faults, their fields, defaults and limits.
 * Not: what they do (faults.ts). Called by server.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Parsed, type Problem, parsed, refused } from "@mr-redis/core";
import { type MessageAction, type MessagePlace, mayHappen } from "./message-faults.js";

/** Longest time that can be asked for: what lasts longer is two faults. */
export const faultMsMax = 600_000;

/** A fault with all its fields; agents by their number, from 1. */
export type FaultRequest =
  | {
      readonly type: "fail-over-master";
      readonly end: "cut" | "finished";
      /** null: where it was. */
      readonly to: number | null;
      readonly electionMs: number;
      readonly recoveryMs: number;
      readonly agentsReturnMs: number;
    }
  | { readonly type: "add-master"; readonly port: number }
  | {
      readonly type: "end-stream";
      readonly how: "finished" | "cut" | "frozen";
      readonly callsHeldMs: number;
    }
  | { readonly type: "hold-stream"; readonly ms: number }
  | { readonly type: "take-over-framework"; readonly holdMs: number }
  | { readonly type: "tear-down-framework" }
  | { readonly type: "rescind-offers"; readonly agent: number | null }
  | { readonly type: "set-offer-timeout"; readonly ms: number | null }
  | {
      readonly type: "add-rule";
      readonly place: MessagePlace;
      readonly kind: string;
      readonly action: MessageAction;
      readonly delayMs: number;
      readonly agent: number | null;
      readonly count: number | null;
      readonly probability: number;
    }
  | { readonly type: "clear-rules" }
  | { [Type in AgentFault]: { readonly type: Type; readonly agent: number } }[AgentFault]
  | { readonly type: "restart-agent"; readonly agent: number; readonly downMs: number }
  | {
      readonly type: "remove-agent";
      readonly agent: number;
      readonly why: "unregistered" | "machine-down";
    }
  | {
      readonly type: "drain-agent";
      readonly agent: number;
      readonly markGone: boolean;
      readonly graceMsMax: number | null;
    }
  | {
      readonly type: "schedule-maintenance";
      readonly agent: number;
      readonly startInMs: number;
      readonly durationMs: number;
    };

/** Faults with no field but the agent's number. */
export type AgentFault =
  | "break-link"
  | "cut-off-agent"
  | "mark-unreachable"
  | "crash-agent"
  | "return-agent"
  | "cut-executors"
  | "mark-gone"
  | "renew-agent"
  | "reactivate-agent"
  | "clear-maintenance";

type Body = Readonly<Record<string, unknown>>;

/** Reads fields, each once; what is left over is not known. */
class Fields {
  readonly problems: Problem[] = [];
  readonly #body: Body;
  readonly #known = new Set(["type"]);

  constructor(body: Body) {
    this.#body = body;
  }

  whole(name: string, fallback: number, maximum: number = faultMsMax): number {
    return this.#read(name, fallback, `must be a whole number from 0 to ${maximum}`, (value) =>
      typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= maximum
        ? value
        : undefined,
    );
  }

  wholeOrNull(name: string, maximum: number = faultMsMax): number | null {
    const value = this.#body[name];
    this.#known.add(name);
    return value === undefined || value === null ? null : this.whole(name, 0, maximum);
  }

  fraction(name: string, fallback: number): number {
    return this.#read(name, fallback, "must be above 0 and at most 1", (value) =>
      typeof value === "number" && value > 0 && value <= 1 ? value : undefined,
    );
  }

  flag(name: string): boolean {
    return this.#read(name, false, "must be true or false", (value) =>
      typeof value === "boolean" ? value : undefined,
    );
  }

  choice<Choice extends string>(
    name: string,
    choices: readonly Choice[],
    fallback?: Choice,
  ): Choice {
    const rule = `must be one of ${choices.join(", ")}`;
    const [first] = choices as readonly [Choice, ...Choice[]];
    const read = (value: unknown) => choices.find((choice) => choice === value);
    if (fallback === undefined && this.#body[name] === undefined) {
      this.#known.add(name);
      this.problems.push({ path: name, rule });
      return first;
    }
    return this.#read(name, fallback ?? first, rule, read);
  }

  agent(): number {
    const number = this.wholeOrNull("agent", 10_000);
    if (number === null) this.problems.push({ path: "agent", rule: "is missing" });
    return number ?? 0;
  }

  finish(): void {
    for (const name of Object.keys(this.#body)) {
      if (!this.#known.has(name)) this.problems.push({ path: name, rule: "is not known" });
    }
  }

  #read<Value>(
    name: string,
    fallback: Value,
    rule: string,
    read: (value: unknown) => Value | undefined,
  ): Value {
    this.#known.add(name);
    const given = this.#body[name];
    if (given === undefined) return fallback;
    const value = read(given);
    if (value === undefined) this.problems.push({ path: name, rule });
    return value ?? fallback;
  }
}

const agentFault =
  (type: AgentFault) =>
  (fields: Fields): FaultRequest => ({ type, agent: fields.agent() });

const readers: Readonly<Record<FaultRequest["type"], (fields: Fields) => FaultRequest>> = {
  "fail-over-master": (fields) => ({
    type: "fail-over-master",
    end: fields.choice("end", ["cut", "finished"], "cut"),
    to: fields.wholeOrNull("to", 10),
    electionMs: fields.whole("electionMs", 0),
    recoveryMs: fields.whole("recoveryMs", 0),
    agentsReturnMs: fields.whole("agentsReturnMs", 0),
  }),
  "add-master": (fields) => ({ type: "add-master", port: fields.whole("port", 0, 65_535) }),
  "end-stream": (fields) => ({
    type: "end-stream",
    how: fields.choice("how", ["finished", "cut", "frozen"]),
    callsHeldMs: fields.whole("callsHeldMs", 0),
  }),
  "hold-stream": (fields) => ({ type: "hold-stream", ms: fields.whole("ms", 1_000) }),
  "take-over-framework": (fields) => ({
    type: "take-over-framework",
    holdMs: fields.whole("holdMs", 1_000),
  }),
  "tear-down-framework": () => ({ type: "tear-down-framework" }),
  "rescind-offers": (fields) => ({
    type: "rescind-offers",
    agent: fields.wholeOrNull("agent", 10_000),
  }),
  "set-offer-timeout": (fields) => ({ type: "set-offer-timeout", ms: fields.wholeOrNull("ms") }),
  "add-rule": readRule,
  "clear-rules": () => ({ type: "clear-rules" }),
  "break-link": agentFault("break-link"),
  "cut-off-agent": agentFault("cut-off-agent"),
  "mark-unreachable": agentFault("mark-unreachable"),
  "crash-agent": agentFault("crash-agent"),
  "return-agent": agentFault("return-agent"),
  "cut-executors": agentFault("cut-executors"),
  "mark-gone": agentFault("mark-gone"),
  "renew-agent": agentFault("renew-agent"),
  "reactivate-agent": agentFault("reactivate-agent"),
  "clear-maintenance": agentFault("clear-maintenance"),
  "restart-agent": (fields) => ({
    type: "restart-agent",
    agent: fields.agent(),
    downMs: fields.whole("downMs", 0),
  }),
  "remove-agent": (fields) => ({
    type: "remove-agent",
    agent: fields.agent(),
    why: fields.choice("why", ["unregistered", "machine-down"], "unregistered"),
  }),
  "drain-agent": (fields) => ({
    type: "drain-agent",
    agent: fields.agent(),
    markGone: fields.flag("markGone"),
    graceMsMax: fields.wholeOrNull("graceMsMax"),
  }),
  "schedule-maintenance": (fields) => ({
    type: "schedule-maintenance",
    agent: fields.agent(),
    startInMs: fields.whole("startInMs", 60_000),
    durationMs: fields.whole("durationMs", 60_000),
  }),
};

function readRule(fields: Fields): FaultRequest {
  const place = fields.choice("place", Object.keys(mayHappen) as MessagePlace[]);
  const kind = fields.choice("kind", Object.keys(mayHappen[place]));
  const action = fields.choice("action", mayHappen[place][kind] ?? []);
  return {
    type: "add-rule",
    place,
    kind,
    action,
    delayMs: fields.whole("delayMs", action === "delay" ? 500 : 0),
    agent: fields.wholeOrNull("agent", 10_000),
    count: fields.wholeOrNull("count", 1_000_000),
    probability: fields.fraction("probability", 1),
  };
}

/** Reads a fault, or says everything that is wrong with it. */
export function parseFault(value: unknown): Parsed<FaultRequest> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return refused("body", "must be a JSON object");
  }
  const body = value as Body;
  const type = Object.keys(readers).find((name) => name === body.type);
  if (type === undefined) {
    return refused("type", `must be one of ${Object.keys(readers).join(", ")}`);
  }
  const fields = new Fields(body);
  const fault = readers[type as FaultRequest["type"]](fields);
  fields.finish();
  return fields.problems.length > 0 ? { ok: false, problems: fields.problems } : parsed(fault);
}
