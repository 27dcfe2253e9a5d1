/**
 * Owns the call that has other passwords made for the users of an instance, typed. Not: HTTP (client.ts).
 * Called by commands.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Parsed, parsed, refused } from "@mr-redis/core";
import type { ApiClient } from "./client.js";
import { read } from "./instances.js";

/** What became of a rotation. */
export interface Rotation {
  /** Until when the passwords of before are accepted as well; null: they are not. */
  readonly previousUntil: string | null;
  /** Ids of processes that have not said yet that they accept the new passwords. */
  readonly pending: readonly string[];
}

/** Needs the processes; the time may be missing. */
export function parseRotationAnswer(value: unknown): Parsed<Rotation> {
  const fields =
    typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  const { pending, previousUntil } = fields;
  if (!Array.isArray(pending)) return refused("the answer", "must have pending processes");
  return parsed({
    previousUntil: typeof previousUntil === "string" ? previousUntil : null,
    pending: pending.filter((each) => typeof each === "string"),
  });
}

/** POST /v2/instances/{name}/rotate-secret, and the text of the answer. `graceSeconds` null: as the scheduler is set up. */
export async function requestRotation(
  client: ApiClient,
  name: string,
  graceSeconds: number | null,
): Promise<{ readonly rotation: Rotation; readonly text: string }> {
  const path = `/v2/instances/${encodeURIComponent(name)}/rotate-secret`;
  const body = graceSeconds === null ? {} : { graceSeconds };
  const answer = await client.request({ method: "POST", path, body });
  return { rotation: read(answer, parseRotationAnswer), text: answer.text };
}
