/**
 * Owns the text of our nftables table: its maps, its chains, and their elements. Pure: text in the language of nft comes out.
 * Not: which routes are led where (leads.ts), nor running nft (tools.ts). Called by plane.ts.
 *
 * The path of a packet: NAT chains see the first packet of a connection only; each later one passes just the chains that
 * count bytes. Rules never change with instances: elements of maps do. A first packet that finds no element goes on to the
 * socket that listens on the same port: the userspace plane, whose clients wait there for a target.
 *
 * Only packets that open a connection (SYN alone) are led. One of a connection that was cut is so nobody's: this host
 * answers it with a reset, and it is never led into the middle of a stream of the new target.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Lead, type LeadTarget, leadSlotsMax } from "./leads.js";

/** Ours alone; nothing of any other table is ever touched. */
export const tableName = "mrr_proxy";

const table = `ip ${tableName}`;

/** What the rules depend on beside the routes. */
export interface Layout {
  /** The one address that is served; null: all of this host. */
  readonly host: string | null;
  /** Clients on other hosts are led, too: the host forwards. Otherwise userspace carries them. */
  readonly forwards: boolean;
  /** Clients at 127.0.0.1 may be led to other hosts: route_localnet is on. Otherwise userspace carries them. */
  readonly routesLocalnet: boolean;
  /** Servers on other hosts are led to: what they answer clients on this host does not leave it, and is counted on arrival. */
  readonly remote: boolean;
}

/** Where elements live: a target in 127.0.0.0/8 can be reached from this host alone, all others from everywhere. */
const reaches = ["net", "loop"] as const;

/** Before what others do at the same hook (Docker, firewalld): our ports are ours. */
const natBefore = 5;

const isLoopbackHost = (host: string | null): boolean => host?.startsWith("127.") === true;

const chain = (name: string, lines: readonly string[]): string[] => [
  `  chain ${name} {`,
  ...lines.filter((line) => line !== "").map((line) => `    ${line}`),
  "  }",
];

const slotNames = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

/** Chains that a verdict of the map `spread_*` leads to: `of3` takes one of the first three slots in turn. */
function spreading(): string[] {
  const slots = slotNames(0, leadSlotsMax - 1).flatMap((slot) =>
    chain(`slot${slot}`, [`dnat ip to tcp dport map @slot_${slot}`]),
  );
  const turns = slotNames(2, leadSlotsMax).flatMap((count) => {
    const verdicts = slotNames(0, count - 1).map((slot) => `${slot} : goto slot${slot}`);
    return chain(`of${count}`, [`numgen inc mod ${count} vmap { ${verdicts.join(", ")} }`]);
  });
  return [...slots, ...turns];
}

const opening = "tcp flags & (fin | syn | rst | ack) == syn";

/** Ours: its destination was rewritten, and the client spoke to one of our ports. */
const ours = (set: string): string =>
  `ct status dnat meta l4proto tcp ct original proto-dst @${set}`;

function leading({ host, forwards, routesLocalnet }: Layout): string[] {
  const here = host === null ? "fib daddr type local" : `ip daddr ${host}`;
  return [
    ...reaches.flatMap((reach) =>
      chain(`lead_${reach}`, [
        `dnat ip to tcp dport map @one_${reach}`,
        `tcp dport vmap @spread_${reach}`,
      ]),
    ),
    ...chain("lead_localhost", ["jump lead_loop", routesLocalnet ? "jump lead_net" : ""]),
    ...chain("lead_local", ["jump lead_loop", "jump lead_net"]),
    ...chain("prerouting", [
      `type nat hook prerouting priority dstnat - ${natBefore}; policy accept;`,
      forwards && !isLoopbackHost(host)
        ? `${opening} ip daddr != 127.0.0.0/8 ${here} jump lead_net`
        : "",
    ]),
    ...chain("output", [
      `type nat hook output priority -${100 + natBefore}; policy accept;`,
      `${opening} ip daddr 127.0.0.0/8 ${here} goto lead_localhost`,
      `${opening} ${here} goto lead_local`,
    ]),
  ];
}

/** Replies come back to this host whatever the routes are, because the target sees this host's address. */
const sourcing = (): string[] => [
  ...chain("postrouting", [
    `type nat hook postrouting priority srcnat - ${natBefore}; policy accept;`,
    "snat ip to ip daddr . tcp dport map @probes",
    `${ours("connections")} oifname != "lo" masquerade`,
  ]),
  // A remote client that is led to a server on this very host.
  ...chain("input", [
    `type nat hook input priority ${100 - natBefore}; policy accept;`,
    ours("connections"),
  ]),
];

/**
 * What leaves this host, and what arrives for it from others: so each packet is counted once. These are the only rules that
 * each packet passes, so every look-up counts: a packet of others is let go at the first one, and one hook is left out
 * where it has nothing to count. A reply has our port as its source again by then, the other direction is what is left.
 */
const counting = ({ remote }: Layout): string[] => [
  ...chain("count", ["tcp sport @down accept", "meta l4proto tcp ct original proto-dst @up"]),
  ...chain("bytes_out", [
    "type filter hook postrouting priority 300; policy accept;",
    "ct status dnat goto count",
  ]),
  ...(remote
    ? chain("bytes_in", [
        "type filter hook input priority 300; policy accept;",
        'iif != "lo" ct status dnat goto count',
      ])
    : []),
];

const address = "ipv4_addr . inet_service";

/** The whole table without elements, in place of one of the same name; a transaction together with what follows it. */
export function tableText(layout: Layout): string {
  const map = (name: string, type: string): string => `  map ${name} { type ${type}; }`;
  return [
    `table ${table} {}`,
    `delete table ${table}`,
    `table ${table} {`,
    ...reaches.flatMap((reach) => [
      map(`one_${reach}`, `inet_service : ${address}`),
      map(`spread_${reach}`, "inet_service : verdict"),
    ]),
    ...slotNames(0, leadSlotsMax - 1).map((slot) =>
      map(`slot_${slot}`, `inet_service : ${address}`),
    ),
    map("probes", `${address} : ${address}; flags timeout`),
    ...counters.map((name) => `  set ${name} { type inet_service; counter; }`),
    ...spreading(),
    ...leading(layout),
    ...sourcing(),
    ...counting(layout),
    "}",
    "",
  ].join("\n");
}

/** Takes our table away, whether it is there or not. */
export const removalText = `table ${table} {}\ndelete table ${table}\n`;

/** Sets whose elements count: one for each port in each. */
export const counters = ["connections", "up", "down"] as const;

/** What one port has. */
export interface PortChange {
  readonly port: number;
  /** What it had; `undefined`: the port is not known yet. */
  readonly before: Lead | undefined;
  /** What it has; `undefined`: the port is given up. */
  readonly after: Lead | undefined;
}

/** Text of many elements: one command for each map, whatever the number of ports. */
class Elements {
  readonly #lists = new Map<string, string[]>();

  add(map: string, element: string): void {
    const list = this.#lists.get(map);
    if (list === undefined) this.#lists.set(map, [element]);
    else list.push(element);
  }

  text(verb: "add" | "delete"): string {
    return [...this.#lists]
      .map(([map, list]) => `${verb} element ${table} ${map} { ${list.join(", ")} }\n`)
      .join("");
  }
}

const targetText = ({ ip, port }: LeadTarget): string => `${ip} . ${port}`;

/** Keys of the maps that a lead is in, with what they lead to. */
function elementsOf(port: number, lead: Lead): (readonly [map: string, key: string, to: string])[] {
  if (lead.targets.length === 0) return [];
  const [first] = lead.targets;
  if (first !== undefined && lead.targets.length === 1) {
    return [[`one_${lead.reach}`, String(port), targetText(first)]];
  }
  return [
    [`spread_${lead.reach}`, String(port), `goto of${lead.targets.length}`],
    ...lead.targets.map(
      (target, slot) => [`slot_${slot}`, String(port), targetText(target)] as const,
    ),
  ];
}

/** One transaction that makes the changes; empty: there are none. */
export function changeText(changes: readonly PortChange[]): string {
  const added = new Elements();
  const deleted = new Elements();
  for (const { port, before, after } of changes) {
    const old = before === undefined ? [] : elementsOf(port, before);
    const young = after === undefined ? [] : elementsOf(port, after);
    const has = (list: typeof old, [map, key, to]: (typeof old)[number]): boolean =>
      list.some((one) => one[0] === map && one[1] === key && one[2] === to);
    for (const one of old) if (!has(young, one)) deleted.add(one[0], one[1]);
    for (const one of young) if (!has(old, one)) added.add(one[0], `${one[1]} : ${one[2]}`);
    for (const set of counters) {
      if (before === undefined && after !== undefined) added.add(set, String(port));
      if (before !== undefined && after === undefined) deleted.add(set, String(port));
    }
  }
  return deleted.text("delete") + added.text("add");
}

/** How long an element of `probes` stays: a probe needs milliseconds, and ends itself within a second. */
const probeSMax = 5;

/** A probe of ours to `client` leaves with the address that the client spoke to. */
export interface ProbeSource {
  readonly client: LeadTarget;
  readonly from: LeadTarget;
}

/** Replaces all sources of probes by these. Two for one client cannot be: the last one stands. */
export function probesText(sources: readonly ProbeSource[]): string {
  const byClient = new Map(
    sources.map(({ client, from }) => [targetText(client), targetText(from)] as const),
  );
  const elements = [...byClient].map(([key, to]) => `${key} timeout ${probeSMax}s : ${to}`);
  return `flush map ${table} probes\nadd element ${table} probes { ${elements.join(", ")} }\n`;
}

/** Arguments of the calls that list the counters; see {@link parseCounters}. One call for all is refused by nft 1.0.6. */
export const countersCalls = counters.map((name) => ["list", "set", "ip", tableName, name]);

/** Counters of one port. */
export interface PortCounters {
  readonly connections: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/** Reads the answers to {@link countersCalls}. Bytes are those of packets, with their headers. */
export function parseCounters(text: string): ReadonlyMap<number, PortCounters> {
  const read = new Map<number, { connections: number; bytesUp: number; bytesDown: number }>();
  let set = "";
  for (const line of text.split("\n")) {
    set = /^\s*set (\w+) \{/.exec(line)?.[1] ?? set;
    for (const match of line.matchAll(/\b(\d+) counter packets (\d+) bytes (\d+)/g)) {
      const port = Number(match[1]);
      const of = read.get(port) ?? { connections: 0, bytesUp: 0, bytesDown: 0 };
      read.set(port, of);
      if (set === "connections") of.connections = Number(match[2]);
      if (set === "up") of.bytesUp = Number(match[3]);
      if (set === "down") of.bytesDown = Number(match[3]);
    }
  }
  return read;
}
