/**
 * Owns the constraints of an instance on the agents of its processes: which agent satisfies them, and which of two is
 * the better one. Not: their form in a request (request/constraints.ts), resources (fit.ts).
 * Called by match.ts, rank.ts and explain.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Constraint, InstanceDocument } from "../instance/types.js";
import { printable } from "../quote.js";
import type { AgentAttribute, AgentTraits } from "./types.js";

/** Longest value that is counted, since it is stored: an agent with a longer one is taken for one without the attribute. */
export const attributeCharactersMax = 64;

/** `rack UNIQUE`, `zone IN z1,z2`: a constraint in words. */
export const constraintText = ({ attribute, operator, values }: Constraint): string =>
  [attribute, operator, ...(values.length === 0 ? [] : [values.join(",")])].join(" ");

/** Most processes for one value: null for a constraint that sets no such limit. */
export function countMaxOf({ operator, values }: Constraint): number | null {
  if (operator === "UNIQUE") return 1;
  return operator === "MAX_PER" ? Number(values[0]) : null;
}

/** True for a constraint for which the processes on each value are counted. */
const isCounting = (constraint: Constraint): boolean =>
  constraint.operator === "SPREAD" || countMaxOf(constraint) !== null;

/** The value of an attribute as text: a number without needless zeros, ranges as `1-3,7-9`. */
export function attributeText(attribute: AgentAttribute): string {
  switch (attribute.type) {
    case "text":
      return attribute.value;
    case "scalar":
      return String(attribute.milli / 1000);
    case "ranges":
      return attribute.ranges.map(({ begin, end }) => `${begin}-${end}`).join(",");
  }
}

/** True when the attribute has this value: an equal text, an equal number, or a whole number within a range. */
function hasValue(attribute: AgentAttribute, value: string): boolean {
  if (attribute.type === "text") return attribute.value === value;
  if (!/^-?\d{1,15}(\.\d{1,3})?$/.test(value)) return false;
  const number = Number(value);
  if (attribute.type === "scalar") return Math.round(number * 1000) === attribute.milli;
  return (
    Number.isInteger(number) &&
    attribute.ranges.some(({ begin, end }) => begin <= number && number <= end)
  );
}

/** What an agent has under a name, `hostname`, `@region` and `@zone` included. */
function attributesNamed(agent: AgentTraits, name: string): readonly AgentAttribute[] {
  const own = (value: string | undefined): AgentAttribute[] =>
    value === undefined ? [] : [{ name, type: "text", value }];
  if (name === "hostname") return own(agent.hostname);
  if (name === "@region") return own(agent.faultDomain?.region);
  if (name === "@zone") return own(agent.faultDomain?.zone);
  return (agent.attributes ?? []).filter((attribute) => attribute.name === name);
}

/** The value that is counted: of several under one name the first; null for none, or one that is too long. */
function countedValueOf(agent: AgentTraits, name: string): string | null {
  const [first] = attributesNamed(agent, name);
  const text = first === undefined ? "" : attributeText(first);
  const isLong = name !== "hostname" && text.length > attributeCharactersMax;
  return text === "" || isLong ? null : text;
}

/** Why an agent cannot satisfy a constraint, whatever it holds; null when it can. */
function misfit(agent: AgentTraits, constraint: Constraint): string | null {
  const { attribute, operator, values } = constraint;
  const said = `(${constraintText(constraint)})`;
  if (isCounting(constraint)) {
    return countedValueOf(agent, attribute) === null ? `${lackText(attribute)} ${said}` : null;
  }
  const present = attributesNamed(agent, attribute);
  const found = present.find((each) => values.some((value) => hasValue(each, value)));
  if (operator === "NOT_IN") {
    return found === undefined
      ? null
      : `${attribute} is ${printable(attributeText(found))} ${said}`;
  }
  if (found !== undefined) return null;
  if (present.length === 0) return `${lackText(attribute)} ${said}`;
  return `${attribute} is ${printable(present.map(attributeText).join(" and "))} ${said}`;
}

const lackText = (attribute: string): string =>
  attribute.startsWith("@") ? "has no fault domain" : `has no attribute ${attribute}`;

/** One constraint that counts, with the processes of the instance by value. */
interface Counter {
  readonly constraint: Constraint;
  /** Infinity for SPREAD. */
  readonly countMax: number;
  readonly counts: Map<string, number>;
}

/** How the constraints of one instance stand while its processes are placed; changed in place. */
export class ConstraintTally {
  readonly #constraints: readonly Constraint[];
  readonly #counters: readonly Counter[];
  readonly #values: ValuesByAgent;
  readonly #spreads: boolean;

  constructor(
    constraints: readonly Constraint[],
    processes: readonly PlacedProcess[],
    values: ValuesByAgent = new Map(),
  ) {
    this.#constraints = constraints;
    this.#values = values;
    this.#spreads = constraints.some(({ operator }) => operator === "SPREAD");
    this.#counters = constraints.filter(isCounting).map((constraint) => ({
      constraint,
      countMax: countMaxOf(constraint) ?? Number.POSITIVE_INFINITY,
      counts: countsOf(constraint.attribute, processes),
    }));
  }

  /** Why the agent cannot take a process of the instance whatever is placed where; null when it may. */
  misfit(agent: AgentTraits): string | null {
    for (const constraint of this.#constraints) {
      const text = misfit(agent, constraint);
      if (text !== null) return text;
    }
    return null;
  }

  /** Why the agent cannot take one more process, {@link misfit} aside: its values hold their most; null when it may. */
  fullText(agent: AgentTraits): string | null {
    for (const { constraint, countMax, counts } of this.#counters) {
      const value = countedValueOf(agent, constraint.attribute);
      const count = value === null ? 0 : (counts.get(value) ?? 0);
      if (value === null || count < countMax) continue;
      const { attribute } = constraint;
      const said = `(${constraintText(constraint)})`;
      return `${attribute} ${printable(value)} holds ${count} of this instance already ${said}`;
    }
    return null;
  }

  /** Most processes that the agent may take more, {@link misfit} aside. */
  left(agent: AgentTraits): number {
    let left = Number.POSITIVE_INFINITY;
    for (const { constraint, countMax, counts } of this.#counters) {
      const count = counts.get(countedValueOf(agent, constraint.attribute) ?? "") ?? 0;
      left = Math.min(left, countMax - count);
    }
    return left;
  }

  /** True when the agent may take one more process. */
  admits(agent: Named): boolean {
    const values = this.#valuesOf(agent);
    if (values === null) return false;
    // Plain loops, here and below: asked of each agent for each process.
    for (let index = 0; index < this.#counters.length; index += 1) {
      const counter = this.#counters[index] as Counter;
      if (counter.countMax === Number.POSITIVE_INFINITY) continue;
      if ((counter.counts.get(values[index] as string) ?? 0) >= counter.countMax) return false;
    }
    return true;
  }

  /**
   * Negative when `a` has the value that holds fewer processes, for the first SPREAD in which they differ; both must
   * be admitted.
   */
  compare(a: Named, b: Named): number {
    if (!this.#spreads) return 0;
    const left = this.#valuesOf(a) ?? [];
    const right = this.#valuesOf(b) ?? [];
    for (let index = 0; index < this.#counters.length; index += 1) {
      const counter = this.#counters[index] as Counter;
      if (counter.constraint.operator !== "SPREAD" || left[index] === right[index]) continue;
      const { counts } = counter;
      const order = (counts.get(left[index] ?? "") ?? 0) - (counts.get(right[index] ?? "") ?? 0);
      if (order !== 0) return order;
    }
    return 0;
  }

  /** Counts one process more on the agent. */
  count(agent: Named): void {
    const values = this.#valuesOf(agent) ?? [];
    for (const [index, { counts }] of this.#counters.entries()) {
      const value = values[index] ?? "";
      counts.set(value, (counts.get(value) ?? 0) + 1);
    }
  }

  /** What a process that is placed on the agent keeps of its attributes; the host's name is kept anyway. */
  place(agent: Named): Readonly<Record<string, string>> {
    const values = this.#valuesOf(agent) ?? [];
    return Object.fromEntries(
      this.#counters
        .map(({ constraint }, index) => [constraint.attribute, values[index] ?? ""] as const)
        .filter(([attribute]) => attribute !== "hostname"),
    );
  }

  /**
   * The first limit that leaves fewer places on all values of these agents together than `missing`, in words;
   * null when each leaves enough.
   */
  shortage(agents: readonly AgentTraits[], missing: number): string | null {
    for (const { constraint, countMax, counts } of this.#counters) {
      if (countMax === Number.POSITIVE_INFINITY) continue;
      const values = new Set<string>();
      for (const agent of agents) values.add(countedValueOf(agent, constraint.attribute) ?? "");
      values.delete("");
      let places = 0;
      for (const value of values) places += Math.max(0, countMax - (counts.get(value) ?? 0));
      if (places >= missing) continue;
      const known = values.size === 1 ? "1 value is known" : `${values.size} values are known`;
      return `${constraintText(constraint)} leaves room for ${places} of ${missing} processes: ${known}`;
    }
    return null;
  }

  /** Equal for tallies that judge agents alike. */
  key(): string {
    const counters = this.#counters.map(({ counts }) => [...counts].sort());
    return JSON.stringify([this.#constraints, counters]);
  }

  #valuesOf(agent: Named): readonly string[] | null {
    const known = this.#values.get(agent.agentId);
    if (known !== undefined) return known;
    const values =
      this.misfit(agent) === null
        ? this.#counters.map(({ constraint }) => countedValueOf(agent, constraint.attribute) ?? "")
        : null;
    this.#values.set(agent.agentId, values);
    return values;
  }
}

/**
 * The counted values of an agent by its id, in the order of the counters; null: it cannot satisfy the constraints. True
 * of all instances with the same constraints, as long as agents do not change.
 */
type ValuesByAgent = Map<string, readonly string[] | null>;

/** What is known of agents, by constraints: instances with the same ones need not look at each agent again. */
export type SharedValues = Map<string, ValuesByAgent>;

/** An agent with its id. */
type Named = AgentTraits & { readonly agentId: string };

/** What is counted of a process. */
interface PlacedProcess {
  readonly hostname: string;
  readonly place?: Readonly<Record<string, string>>;
}

/**
 * The tally of an instance with the processes that it has, and those in `more`; null when it has no constraints.
 * `shared`: of one match, in which agents do not change.
 */
export function tallyOf(
  document: InstanceDocument,
  shared: SharedValues,
  more: readonly PlacedProcess[] = [],
): ConstraintTally | null {
  const { constraints } = document.spec;
  if (constraints === undefined) return null;
  const key = JSON.stringify(constraints);
  const values = shared.get(key) ?? new Map();
  shared.set(key, values);
  return new ConstraintTally(constraints, [...document.processes, ...more], values);
}

function countsOf(attribute: string, processes: readonly PlacedProcess[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { hostname, place } of processes) {
    const value = attribute === "hostname" ? hostname : place?.[attribute];
    if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return counts;
}
