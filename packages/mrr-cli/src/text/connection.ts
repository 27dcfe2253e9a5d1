/**
 * Owns how the way to an instance is shown: its address in a status, and everything that can be pasted. Pure.
 * Not: the instance itself (instance.ts). Called by status and connection.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Connection } from "../api/connection.js";
import { printable } from "../io.js";

const hostPort = (host: string, port: number): string =>
  printable(`${host.includes(":") ? `[${host}]` : host}:${port}`);

/**
 * The address, and that for reading; why there is none, in one line. A scheduler that gives no ports by choice
 * (`no-proxy-ports`) has nothing to say in a status.
 */
export function addressLines({ host, port, readPort, problem }: Connection): string[] {
  if (host !== null && port !== null) {
    const lines = [`Address = ${hostPort(host, port)}`];
    if (readPort !== null) lines.push(`Read address = ${hostPort(host, readPort)}`);
    return lines;
  }
  if (problem === null || problem.code === "no-proxy-ports") return [];
  return [`Address = none (${printable(problem.text)})`];
}

const writerTexts: Readonly<Record<string, string>> = {
  ready: "the master accepts writes",
  unheard: "nothing was heard of the master lately; clients are led to it",
  none: "there is no master; clients wait for one",
};

/** All lines of `mrr connection -n NAME`, each with its newline. */
export function connectionText(connection: Connection): string {
  const { user, password, readOnly, previousUntil } = connection;
  const { writer, tls, ca, url, readUrl, redisCli, ioredis, problem, direct } = connection;
  const lines = addressLines(connection);
  if (lines.length === 0 && problem !== null) {
    lines.push(`Address = none (${printable(problem.text)})`);
  }
  lines.push(`Writer = ${printable(writer)} (${writerTexts[writer] ?? "see the status"})`);
  if (tls) {
    const whom = ca === null ? "the authority of RedisTLSDirectory" : "`mrr connection --ca`";
    lines.push(`TLS = yes (trust ${whom})`);
  }
  if (user !== null && password !== null) {
    lines.push(`User = ${printable(user)}`, `Password = ${printable(password)}`);
  }
  if (readOnly !== null) {
    lines.push(`Read user = ${printable(readOnly.user)}`);
    lines.push(`Read password = ${printable(readOnly.password)}`);
  }
  if (previousUntil !== null) {
    lines.push(`Passwords of before = accepted until ${printable(previousUntil)}`);
  }
  if (url !== null) lines.push(`URL = ${printable(url)}`);
  if (readUrl !== null) lines.push(`Read URL = ${printable(readUrl)}`);
  if (redisCli !== null) lines.push(`Command = ${printable(redisCli)}`);
  if (ioredis !== null) lines.push(`ioredis = ${printable(ioredis)}`);
  if (direct.master !== null) lines.push(`Master now = ${printable(direct.master)}`);
  for (const replica of direct.replicas) lines.push(`Replica now = ${printable(replica)}`);
  return lines.map((line) => `${line}\n`).join("");
}
