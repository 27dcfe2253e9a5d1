/**
 * Owns which routes the kernel can lead, and where: a route becomes a lead of its port. Pure.
 * Not: the text of it (rules.ts). Called by plane.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { isIPv4 } from "node:net";
import { type HostPort, type Route, sameTarget } from "../routes.js";

/** Most targets among which the kernel spreads: each is a map and a rule that are always there. More are not used. */
export const leadSlotsMax = 64;

/** A checked IPv4 address and a port. */
export interface LeadTarget {
  readonly ip: string;
  readonly port: number;
}

/** Where the first packets of a port are led; without targets they go to the listener of the same port. */
export interface Lead {
  /** loop: all targets are in 127.0.0.0/8, which only clients on this host reach. */
  readonly reach: "net" | "loop";
  readonly targets: readonly LeadTarget[];
}

/** Led nowhere. */
export const noLead: Lead = { reach: "net", targets: [] };

const isLoop = ({ ip }: LeadTarget): boolean => ip.startsWith("127.");

const isSpecial = (ip: string): boolean => ip === "0.0.0.0" || ip === "255.255.255.255";

/** An address of all addresses. */
const wildcards: readonly string[] = ["", "0.0.0.0", "::"];

/** The address of a route in the words of a layout: null is all addresses, undefined is one that the kernel plane leaves alone. */
export function leadHost({ host }: HostPort): string | null | undefined {
  if (wildcards.includes(host)) return null;
  if (host === "localhost") return "127.0.0.1";
  return isIPv4(host) ? host : undefined;
}

/** The address that most of the routes have. */
export function hostOf(routes: readonly Route[]): string | null {
  const counts = new Map<string | null, number>();
  for (const { listen } of routes) {
    const host = leadHost(listen);
    if (host !== undefined) counts.set(host, (counts.get(host) ?? 0) + 1);
  }
  let found: string | null = null;
  let most = 0;
  for (const [host, count] of counts) {
    if (count > most) [found, most] = [host, count];
  }
  return found;
}

/**
 * Where the kernel leads a route. It does not where userspace must carry it: it listens on another address than the table
 * serves, a target has an IPv6 address or a name, or some are on this host's loopback and some are not.
 */
export function leadOf(route: Route, host: string | null): Lead {
  if (leadHost(route.listen) !== host) return noLead;
  const targets = route.targets.slice(0, leadSlotsMax).map(leadTarget);
  if (targets.length === 0 || targets.includes(null)) return noLead;
  const checked = targets.filter((target) => target !== null);
  const loops = checked.filter(isLoop).length;
  if (loops !== 0 && loops !== checked.length) return noLead;
  return { reach: loops === 0 ? "net" : "loop", targets: checked };
}

function leadTarget({ host, port }: HostPort): LeadTarget | null {
  const ip = host === "localhost" ? "127.0.0.1" : host;
  return isIPv4(ip) && !isSpecial(ip) ? { ip, port } : null;
}

/** Those of `led` that the route may keep no more: connections to them are to be cut. */
export const goneOf = (led: readonly LeadTarget[], route: Route | undefined): LeadTarget[] =>
  led.filter((target) => {
    if (route === undefined) return true;
    const stays = [...route.targets, ...route.kept].map((one) => leadTarget(one));
    return !stays.some(
      (one) => one !== null && sameTarget({ host: one.ip, port: one.port }, hostPortOf(target)),
    );
  });

/** In the words of routes. */
export const hostPortOf = ({ ip, port }: LeadTarget): HostPort => ({ host: ip, port });
