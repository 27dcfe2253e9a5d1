/**
 * Owns how one instance is shown: the ancestor's lines first, what it never said after them. Pure.
 * Not: the table of all (table.ts). Called by status and by waits.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Instance, Process } from "../api/types.js";
import { printable } from "../io.js";

/** `10.0.0.1:6380`, `[::1]:6380`. */
export function addressOf(process: Process): string {
  const ip = process.ip ?? process.hostname;
  return printable(`${ip.includes(":") ? `[${ip}]` : ip}:${process.port}`);
}

/** Why the instance is not as asked, in one line; null when there is nothing to say. */
export function waitText(instance: Instance): string | null {
  const reasons = [instance.reason?.text ?? "", instance.unplaced?.text ?? ""].filter(
    (text, index, all) => text !== "" && all.indexOf(text) === index,
  );
  return reasons.length === 0 ? null : printable(reasons.join("; "));
}

/** The reasons of the single agents, a line each. */
export const agentLines = (instance: Instance): string[] =>
  (instance.unplaced?.agents ?? []).map(
    ({ agentId, hostname, text }) =>
      `\t${printable(hostname === "" ? agentId : `${hostname} (${agentId})`)}: ${printable(text)}`,
  );

/** The ancestor's lines: Status, Type, Capacity, Master, a tab and SlaveN for each replica. */
function ancestorLines(instance: Instance): string[] {
  const lines = [
    `Status = ${printable(instance.status)}`,
    `Type = ${printable(instance.type)}`,
    `Capacity = ${instance.memory}`,
  ];
  if (instance.master !== null) lines.push(`Master = ${addressOf(instance.master)}`);
  const replicas = instance.replicas.map(
    (replica, index) => `\tSlave${index} = ${addressOf(replica)}`,
  );
  return [...lines, ...replicas];
}

function furtherLines(instance: Instance): string[] {
  const lines: string[] = [];
  if (instance.reason !== null) lines.push(`Reason = ${printable(instance.reason.text)}`);
  if (instance.unplaced !== null) {
    const { missing, text } = instance.unplaced;
    lines.push(`Not placed = ${missing} (${printable(text)})`, ...agentLines(instance));
  }
  // What is ending is not expected to be ready.
  const isEnding = instance.status === "DELETING" || instance.status === "DELETED";
  const late = isEnding ? [] : instance.processes.filter((process) => !process.ready);
  for (const process of late) {
    const { role, state, hostname } = process;
    const where = `${addressOf(process)} on ${printable(hostname)}`;
    lines.push(`Not ready = ${printable(role)} ${where} (${printable(state)})`);
  }
  if (instance.distribution !== null) lines.push(`Distribution = ${instance.distribution}`);
  for (const constraint of instance.constraints) {
    lines.push(`Constraint = ${printable(constraint.join(":"))}`);
  }
  // What is as it is by default is not worth a line.
  if (instance.fencing === "off") lines.push("Fencing = off");
  if (instance.onUnreachable === "wait") lines.push("OnUnreachable = wait");
  if (instance.auth) lines.push("Auth = yes (`mrr connection` shows its users)");
  if (instance.tls) lines.push("Tls = yes");
  for (const [name, value] of Object.entries(instance.config)) {
    lines.push(`Config ${printable(name)} = ${printable(value)}`);
  }
  return lines;
}

/** All lines of `mrr status -n NAME`, each with its newline. `addresses`: lines about its address at the proxies. */
export const instanceText = (instance: Instance, addresses: readonly string[]): string =>
  [...ancestorLines(instance), ...addresses, ...furtherLines(instance)]
    .map((line) => `${line}\n`)
    .join("");
