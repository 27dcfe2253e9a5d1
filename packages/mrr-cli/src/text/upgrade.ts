/**
 * Owns how an upgrade is shown. Pure. Called by commands/upgrade.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Upgrade } from "../api/upgrade.js";
import { printable } from "../io.js";

const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? "" : "s"}`;

/** All lines, each with its newline. */
export function upgradeText(upgrade: Upgrade): string {
  const { state, version, instances, behind, processesBehind, current, left } = upgrade;
  const lines = [
    `Upgrade = ${printable(state)}`,
    `Version = ${printable(version)}`,
    `Behind = ${behind} of ${counted(instances, "instance")} (${processesBehind} processes)`,
  ];
  if (current !== null) lines.push(`Moving = ${printable(current)}`);
  for (const { name, text } of left) lines.push(`Left = ${printable(`${name}: ${text}`)}`);
  if (state === "off" && behind > 0) lines.push("Start it with: mrr upgrade");
  return lines.map((line) => `${line}\n`).join("");
}

/** How far it is, in one line. */
export function upgradeLine({ behind, current, left, state }: Upgrade): string {
  if (behind === 0) return "nothing is behind";
  if (state === "paused") return `paused; ${counted(behind, "instance")} behind`;
  const [first] = left;
  const stuck =
    current === null && first !== undefined ? `; ${first.name} waits: ${first.text}` : "";
  const moving = current === null ? "" : `, moving ${current}`;
  return printable(`${counted(behind, "instance")} behind${moving}${stuck}`);
}
