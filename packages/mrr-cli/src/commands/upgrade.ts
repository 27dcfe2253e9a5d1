/**
 * Owns `mrr upgrade`: start, pause, resume and look at the upgrade of executors; a wait with a limit.
 * Not: the upgrade itself (the scheduler). Called by program.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { MrrError } from "@mr-redis/core";
import type { ApiClient } from "../api/client.js";
import {
  changeUpgrade,
  readUpgrade,
  type UpgradeAction,
  type UpgradeAnswer,
  upgradeActions,
} from "../api/upgrade.js";
import { isRetryable } from "../failure.js";
import { pause } from "../io.js";
import { upgradeLine, upgradeText } from "../text/upgrade.js";
import { type CommandContext, withClient } from "./context.js";

/** Between two looks: a move takes seconds. */
const pollMs = 1_000;

/** The options of `mrr upgrade` after parsing. */
export interface UpgradeOptions {
  /** Default `start`. */
  readonly action: string | undefined;
  readonly wait: boolean;
  readonly timeoutSeconds: number;
}

/** Does what is asked and shows how far it is; with `wait`, until nothing is behind. */
export async function runUpgrade(context: CommandContext, options: UpgradeOptions): Promise<void> {
  const { io, isJson } = context;
  const asked = actionOf(options.action);
  await withClient(context, async (client) => {
    const first = await (asked === "status" ? readUpgrade(client) : changeUpgrade(client, asked));
    const isWaiting = options.wait && (asked === "start" || asked === "resume");
    const last = isWaiting
      ? await waitUntilDone(context, client, first, options.timeoutSeconds)
      : first;
    io.stdout.write(isJson ? `${last.text}\n` : upgradeText(last.upgrade));
  });
}

function actionOf(word: string | undefined): UpgradeAction | "status" {
  if (word === "status") return word;
  const action = upgradeActions.find((each) => each === (word ?? "start"));
  if (action !== undefined) return action;
  throw new MrrError(
    "invalid-request",
    `It takes status, ${upgradeActions.join(", ")}, not ${word}`,
  );
}

async function waitUntilDone(
  { io, isJson }: CommandContext,
  client: ApiClient,
  first: UpgradeAnswer,
  timeoutSeconds: number,
): Promise<UpgradeAnswer> {
  const untilMs = io.clock.monotonicMs() + timeoutSeconds * 1_000;
  let said = "";
  let last = first;
  for (;;) {
    const { upgrade } = last;
    const line = upgradeLine(upgrade);
    if (!isJson && line !== said) io.stderr.write(`Upgrade: ${line}\n`);
    said = line;
    if (upgrade.behind === 0) return last;
    if (upgrade.state !== "running") {
      throw new MrrError("timeout", `the upgrade is ${upgrade.state} now, ${line}`);
    }
    if (io.clock.monotonicMs() >= untilMs) {
      const text = `${line} after ${timeoutSeconds} s. It goes on: mrr upgrade status shows it`;
      throw new MrrError("timeout", text);
    }
    await pause(io.clock, pollMs);
    try {
      last = await readUpgrade(client);
    } catch (error) {
      if (!isRetryable(error)) throw error;
    }
  }
}
