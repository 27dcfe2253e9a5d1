/**
 * Owns what a rotation of passwords may ask for: limits, and the text of every refusal.
 * Not: whether it can be done (users/desk.ts), HTTP (packages/scheduler). Called by the HTTP API with whatever somebody sent.
 * SPDX-License-Identifier: Apache-2.0
 */
import { quoted } from "../quote.js";
import type { Parsed } from "../result.js";
import { rotationGraceMsMax } from "../users/desk.js";
import { optionsOf } from "./options.js";

/** A checked wish. `graceMs`: how long the passwords of now are accepted as well; null: as configured. */
export interface RotationWish {
  readonly graceMs: number | null;
}

const fields: readonly string[] = ["graceSeconds"];

const graceSecondsMax = rotationGraceMsMax / 1_000;

/** Checks the body of `POST /v2/instances/{name}/rotate-secret`: `{graceSeconds?}`; none is the same as `{}`. */
export function parseRotation(raw: unknown): Parsed<RotationWish> {
  const options = optionsOf(raw, fields);
  if (!options.ok) return options;
  const { given, problems } = options.value;
  const { graceSeconds = null } = given;
  const isWhole = typeof graceSeconds === "number" && Number.isInteger(graceSeconds);
  const isGood = isWhole && graceSeconds >= 0 && graceSeconds <= graceSecondsMax;
  if (graceSeconds !== null && !isGood) {
    const rule = `must be an integer from 0 to ${graceSecondsMax}, not ${quoted(graceSeconds)}`;
    problems.push({ path: "graceSeconds", rule });
  }
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, value: { graceMs: isGood ? graceSeconds * 1_000 : null } };
}
