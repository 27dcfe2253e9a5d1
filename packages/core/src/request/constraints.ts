/**
 * Owns the form of constraints in a request, `[["rack", "SPREAD"], ["zone", "IN", "z1,z2"]]`: limits and the text of
 * every refusal. Not: what they mean (placement/constraints.ts). Called by create.ts and by the views of the API.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Constraint, ConstraintOperator } from "../instance/types.js";
import { quoted } from "../quote.js";
import type { Problem } from "../result.js";

/** Limits of constraints, each with its reason. */
export const constraintLimits = {
  /** Region, zone, rack, host and two more; with many, the places of 101 processes would fill a document. */
  countMax: 6,
  /** Racks that are listed by name; a longer list is better an attribute of its own. */
  valuesMax: 64,
  /** The longest name of a host. */
  valueCharactersMax: 255,
  /** More than the largest instance has processes. */
  perValueMax: 1_000,
} as const;

/** The operators in the order in which they are told. */
export const constraintOperators: readonly ConstraintOperator[] = [
  "UNIQUE",
  "MAX_PER",
  "SPREAD",
  "IN",
  "NOT_IN",
];

/** Attributes whose names stand for something else than an attribute of the agent. */
export const builtInAttributes: readonly string[] = ["hostname", "@region", "@zone"];

const attributePattern = /^[A-Za-z0-9][A-Za-z0-9_./-]{0,62}$/;

/** True for an attribute that a constraint may name. */
export const isConstraintAttribute = (value: unknown): value is string =>
  typeof value === "string" && (builtInAttributes.includes(value) || attributePattern.test(value));

/** True for a value that IN and NOT_IN may list. */
export const isConstraintValue = (value: string): boolean =>
  value.length > 0 &&
  value.length <= constraintLimits.valueCharactersMax &&
  /^[^\p{C},]+$/u.test(value) &&
  value.trim() === value;

const formRule = 'must look like ["rack", "SPREAD"] or ["zone", "IN", "z1,z2"]';
const attributeRule = `must name an attribute (1 to 63 letters, digits, _ . / or -, the first a letter or digit) or be one of ${builtInAttributes.join(", ")}`;
const operatorRule = `must be one of ${constraintOperators.join(", ")}`;

/** Words that people bring along from Marathon, and what says the same here. */
const foreignOperators: ReadonlyMap<string, string> = new Map([
  ["GROUP_BY", "SPREAD"],
  ["CLUSTER", "IN"],
  ["IS", "IN"],
  ["LIKE", "IN, with the values in full"],
  ["UNLIKE", "NOT_IN, with the values in full"],
]);

/** The constraints that `value` lists, in their order; what is wrong goes to `problems`, with `path` in front. */
export function parseConstraints(
  value: unknown,
  path: string,
  problems: Problem[],
): readonly Constraint[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) {
    problems.push({
      path,
      rule: `must be a list, each of which ${formRule}, not ${quoted(value)}`,
    });
    return [];
  }
  const { countMax } = constraintLimits;
  if (value.length > countMax) {
    problems.push({ path, rule: `must be at most ${countMax} constraints, not ${value.length}` });
    return [];
  }
  const constraints: Constraint[] = [];
  const seen = new Set<string>();
  for (const [index, entry] of value.entries()) {
    const at = `${path}[${index}]`;
    const constraint = parseConstraint(entry, at, problems);
    if (constraint === null) continue;
    const key = `${constraint.attribute} ${constraint.operator}`;
    if (seen.has(key)) problems.push({ path: at, rule: `repeats ${key}; give each once` });
    seen.add(key);
    constraints.push(constraint);
  }
  return constraints;
}

function parseConstraint(entry: unknown, path: string, problems: Problem[]): Constraint | null {
  if (!Array.isArray(entry) || entry.length < 2 || entry.length > 3) {
    problems.push({ path, rule: `${formRule}, not ${quoted(entry)}` });
    return null;
  }
  const [attribute, word, given] = entry as readonly unknown[];
  const count = problems.length;
  if (!isConstraintAttribute(attribute)) {
    problems.push({ path: `${path}[0]`, rule: `${attributeRule}, not ${quoted(attribute)}` });
  }
  const operator = operatorOf(word);
  if (operator === undefined) {
    problems.push({
      path: `${path}[1]`,
      rule: `${operatorRule}, not ${quoted(word)}${hint(word)}`,
    });
    return null;
  }
  const values = valuesOf(operator, given, `${path}[2]`, problems);
  return isConstraintAttribute(attribute) && problems.length === count
    ? { attribute, operator, values }
    : null;
}

function operatorOf(word: unknown): ConstraintOperator | undefined {
  if (typeof word !== "string") return undefined;
  const upper = word.toUpperCase();
  return constraintOperators.find((operator) => operator === upper);
}

function hint(word: unknown): string {
  const same = typeof word === "string" ? foreignOperators.get(word.toUpperCase()) : undefined;
  return same === undefined ? "" : ` (what it says is ${same})`;
}

function valuesOf(
  operator: ConstraintOperator,
  given: unknown,
  path: string,
  problems: Problem[],
): readonly string[] {
  const refuse = (rule: string): readonly string[] => {
    problems.push({ path, rule: given === undefined ? rule : `${rule}, not ${quoted(given)}` });
    return [];
  };
  switch (operator) {
    case "UNIQUE":
    case "SPREAD":
      return given === undefined || given === null || given === ""
        ? []
        : refuse(`must be absent: ${operator} takes no value`);
    case "MAX_PER": {
      const { perValueMax } = constraintLimits;
      const number = typeof given === "number" ? given : wholeOf(given);
      return Number.isInteger(number) && number >= 1 && number <= perValueMax
        ? [String(number)]
        : refuse(`must be a whole number from 1 to ${perValueMax} (most processes for one value)`);
    }
    default:
      return listOf(given) ?? refuse(listRule);
  }
}

const wholeOf = (given: unknown): number =>
  typeof given === "string" && /^\d{1,9}$/.test(given.trim()) ? Number(given) : Number.NaN;

const { valuesMax, valueCharactersMax } = constraintLimits;
const listRule = `must be 1 to ${valuesMax} different values with commas between them, each of at most ${valueCharactersMax} visible characters`;

function listOf(given: unknown): readonly string[] | null {
  // The longest good list, with a blank at each comma.
  const charactersMax = valuesMax * (valueCharactersMax + 2);
  if (typeof given !== "string" || given.length > charactersMax) return null;
  const values = given.split(",").map((value) => value.trim());
  const isGood =
    values.length <= valuesMax &&
    values.every(isConstraintValue) &&
    new Set(values).size === values.length;
  return isGood ? values : null;
}

/** A constraint as requests and answers have it. */
export type ConstraintTuple = readonly [string, string] | readonly [string, string, string];

/** What {@link parseConstraints} reads as this constraint. */
export function constraintTuple(constraint: Constraint): ConstraintTuple {
  const { attribute, operator, values } = constraint;
  return values.length === 0 ? [attribute, operator] : [attribute, operator, values.join(",")];
}

/** True when a stored constraint is one that {@link parseConstraints} makes. */
export function isConstraint({ attribute, operator, values }: Constraint): boolean {
  if (!isConstraintAttribute(attribute)) return false;
  const problems: Problem[] = [];
  const read = valuesOf(
    operator,
    constraintTuple({ attribute, operator, values })[2],
    "",
    problems,
  );
  return problems.length === 0 && JSON.stringify(read) === JSON.stringify(values);
}
