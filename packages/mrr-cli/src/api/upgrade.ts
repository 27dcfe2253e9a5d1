/**
 * Owns the calls about the upgrade of executors, typed. Not: HTTP (client.ts), nor texts (text/upgrade.ts).
 * Called by commands/upgrade.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Parsed, parsed, refused } from "@mr-redis/core";
import type { Answer, ApiClient } from "./client.js";
import { read } from "./instances.js";

/** What may be asked for. */
export const upgradeActions = ["start", "pause", "resume"] as const;

/** One of {@link upgradeActions}. */
export type UpgradeAction = (typeof upgradeActions)[number];

/** How far an upgrade is; words that a newer scheduler may add are kept as they come. */
export interface Upgrade {
  /** off, running or paused. */
  readonly state: string;
  readonly version: string;
  readonly instances: number;
  readonly behind: number;
  readonly processesBehind: number;
  readonly current: string | null;
  readonly left: readonly { readonly name: string; readonly text: string }[];
}

/** An upgrade and the text that it came as. */
export interface UpgradeAnswer {
  readonly upgrade: Upgrade;
  readonly text: string;
}

/** GET /v2/upgrade. */
export const readUpgrade = async (client: ApiClient): Promise<UpgradeAnswer> =>
  answerOf(await client.request({ method: "GET", path: "/v2/upgrade" }));

/** POST /v2/upgrade. */
export const changeUpgrade = async (
  client: ApiClient,
  action: UpgradeAction,
): Promise<UpgradeAnswer> =>
  answerOf(await client.request({ method: "POST", path: "/v2/upgrade", body: { action } }));

const answerOf = (answer: Answer): UpgradeAnswer => ({
  upgrade: read(answer, parseUpgrade),
  text: answer.text,
});

type Fields = Readonly<Record<string, unknown>>;

const fieldsOf = (value: unknown): Fields =>
  typeof value === "object" && value !== null ? (value as Fields) : {};

const count = (value: unknown): number => (typeof value === "number" ? value : 0);

function parseUpgrade(value: unknown): Parsed<Upgrade> {
  const fields = fieldsOf(value);
  if (typeof fields.state !== "string" || typeof fields.behind !== "number") {
    return refused("the answer", "must have a state and a number of instances behind");
  }
  const left = Array.isArray(fields.left) ? fields.left.map(fieldsOf) : [];
  return parsed({
    state: fields.state,
    version: String(fields.version ?? ""),
    instances: count(fields.instances),
    behind: fields.behind,
    processesBehind: count(fields.processesBehind),
    current: typeof fields.current === "string" ? fields.current : null,
    left: left.map(({ name, reason }) => ({
      name: String(name ?? ""),
      text: String(fieldsOf(reason).text ?? ""),
    })),
  });
}
