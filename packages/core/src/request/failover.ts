/**
 * Owns what a failover on request may ask for: limits, defaults, and the text of every refusal.
 * Not: whether it can be done (control/), HTTP (packages/scheduler). Called by the HTTP API with whatever somebody sent.
 * SPDX-License-Identifier: Apache-2.0
 */
import { printable, quoted } from "../quote.js";
import type { Parsed } from "../result.js";
import { instanceOfProcessId } from "./names.js";
import { optionsOf } from "./options.js";

/** A checked wish. `to`: the id of the process that is to be master, null: the best one. Default of `force`: false. */
export interface FailoverWish {
  readonly to: string | null;
  readonly force: boolean;
}

const fields: readonly string[] = ["to", "force"];

/** Longest process id: the longest name of an instance, two colons and a uuid, with room to spare. */
const idCharsMax = 255;

/** Checks the body of `POST /v2/instances/{name}/failover`: `{to?, force?}`; none is the same as `{}`. */
export function parseFailover(name: string, raw: unknown): Parsed<FailoverWish> {
  const options = optionsOf(raw, fields);
  if (!options.ok) return options;
  const { given, problems } = options.value;
  const { to = null, force = false } = given;
  if (typeof force !== "boolean") {
    problems.push({ path: "force", rule: `must be true or false, not ${quoted(force)}` });
  }
  const isId =
    typeof to === "string" && to.length <= idCharsMax && instanceOfProcessId(to) === name;
  if (to !== null && !isId) {
    const rule = `must be the id of a process of ${printable(name)}, as /v2/instances/{name}/processes shows it`;
    problems.push({ path: "to", rule: `${rule}, not ${quoted(to)}` });
  }
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, value: { to: to as string | null, force: force === true } };
}
