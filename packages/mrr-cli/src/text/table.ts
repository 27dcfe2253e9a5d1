/**
 * Owns the table of all instances. Pure. Not: one instance (instance.ts). Called by status and list.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Instance } from "../api/types.js";
import { printable } from "../io.js";
import { addressOf, waitText } from "./instance.js";

const headings = ["NAME", "STATUS", "TYPE", "MEMORY", "MASTER", "SLAVES", "REASON"] as const;

/** Replicas that are ready, of those asked for: `2/3`. */
const replicaText = ({ replicas, slaves }: Instance): string =>
  `${replicas.filter((replica) => replica.ready).length}/${slaves}`;

const rowOf = (instance: Instance): string[] => [
  printable(instance.name),
  printable(instance.status),
  printable(instance.type),
  String(instance.memory),
  instance.master === null ? "-" : addressOf(instance.master),
  replicaText(instance),
  waitText(instance) ?? "-",
];

/** The table with its headings; columns are aligned with blanks, and the last one is not padded. */
export function instanceTable(instances: readonly Instance[]): string {
  const rows = [[...headings], ...instances.map(rowOf)];
  const widths = headings.map((_, column) =>
    rows.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), 0),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}
