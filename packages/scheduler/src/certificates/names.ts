/**
 * Owns which names a certificate for Redis has: of what the scheduler knows of an agent, those that a certificate can say.
 * Not: who gets one (desk.ts). Pure.
 * SPDX-License-Identifier: Apache-2.0
 */
import { isIP } from "node:net";

/** Most names of a certificate: an agent has an address and a name, proxies one; more come from odd offers only. */
export const namesMax = 16;

const hostName =
  /^(?=.{1,253}$)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$/;

/** Where an address is of the machine itself, its clients may name it in each of the usual ways. */
const loopback: readonly string[] = ["127.0.0.1", "localhost"];

/** Different names, those of the agent first; what is neither a host name nor an address is left out. */
export function namesFor(hosts: readonly string[]): readonly string[] {
  const names = new Set<string>();
  for (const host of hosts) {
    const name = host.replace(/^\[|\]$/g, "");
    if (isIP(name) !== 0) names.add(name.includes("%") ? name.slice(0, name.indexOf("%")) : name);
    else if (hostName.test(name)) names.add(name.toLowerCase());
    if (loopback.includes(name)) for (const each of loopback) names.add(each);
  }
  return [...names].slice(0, namesMax);
}
