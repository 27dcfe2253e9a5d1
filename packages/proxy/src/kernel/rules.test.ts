/**
 * Owns the tests of the table's text and of its changes, and of the reading of counters. SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Lead, noLead } from "./leads.js";
import {
  changeText,
  type Layout,
  type PortChange,
  parseCounters,
  probesText,
  removalText,
  tableText,
} from "./rules.js";

const lead = (reach: Lead["reach"], ...targets: readonly string[]): Lead => ({
  reach,
  targets: targets.map((text) => {
    const [ip = "", port] = text.split(":");
    return { ip, port: Number(port) };
  }),
});

const change = (port: number, before?: Lead, after?: Lead): PortChange => ({ port, before, after });

const one = lead("net", "10.0.0.1:6379");
const other = lead("net", "10.0.0.2:6380");

describe("changes", () => {
  test("a new port is an element of its map, and one of each counter", () => {
    expect(changeText([change(20_000, undefined, one)])).toBe(
      [
        "add element ip mrr_proxy one_net { 20000 : 10.0.0.1 . 6379 }",
        "add element ip mrr_proxy connections { 20000 }",
        "add element ip mrr_proxy up { 20000 }",
        "add element ip mrr_proxy down { 20000 }",
        "",
      ].join("\n"),
    );
  });

  test("another target is one element; none takes it away; the same is nothing", () => {
    expect(changeText([change(20_000, one, other)])).toBe(
      "delete element ip mrr_proxy one_net { 20000 }\n" +
        "add element ip mrr_proxy one_net { 20000 : 10.0.0.2 . 6380 }\n",
    );
    expect(changeText([change(20_000, one, noLead)])).toBe(
      "delete element ip mrr_proxy one_net { 20000 }\n",
    );
    expect(changeText([change(20_000, one, { ...one })])).toBe("");
  });

  test("several targets are a slot each; only what differs is written", () => {
    const two = lead("net", "10.0.0.1:6379", "10.0.0.2:6380");
    const three = lead("net", "10.0.0.1:6379", "10.0.0.2:6380", "10.0.0.3:1");
    expect(changeText([change(20_001, one, two)])).toBe(
      [
        "delete element ip mrr_proxy one_net { 20001 }",
        "add element ip mrr_proxy spread_net { 20001 : goto of2 }",
        "add element ip mrr_proxy slot_0 { 20001 : 10.0.0.1 . 6379 }",
        "add element ip mrr_proxy slot_1 { 20001 : 10.0.0.2 . 6380 }",
        "",
      ].join("\n"),
    );
    expect(changeText([change(20_001, two, three)])).toBe(
      [
        "delete element ip mrr_proxy spread_net { 20001 }",
        "add element ip mrr_proxy spread_net { 20001 : goto of3 }",
        "add element ip mrr_proxy slot_2 { 20001 : 10.0.0.3 . 1 }",
        "",
      ].join("\n"),
    );
  });

  test("a port that another route takes in the same change counts anew; loopback has a map of its own", () => {
    const local = lead("loop", "127.0.0.1:7000");
    const text = changeText([change(20_000, one), change(20_000, undefined, local)]);
    expect(text.split("\n").slice(0, 5)).toEqual([
      "delete element ip mrr_proxy one_net { 20000 }",
      "delete element ip mrr_proxy connections { 20000 }",
      "delete element ip mrr_proxy up { 20000 }",
      "delete element ip mrr_proxy down { 20000 }",
      "add element ip mrr_proxy one_loop { 20000 : 127.0.0.1 . 7000 }",
    ]);
  });

  test("ten thousand ports are one command for each map", () => {
    const ports = Array.from({ length: 10_000 }, (_, index) => index + 20_000);
    const text = changeText(ports.map((port) => change(port, undefined, one)));
    expect(text.trim().split("\n")).toHaveLength(4);
  });

  test("forth and back is the same table, whatever the leads", () => {
    const anyLead = fc
      .tuple(
        fc.constantFrom("net" as const, "loop" as const),
        fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 5 }),
      )
      .map(([reach, ends]) => lead(reach, ...ends.map((end) => `10.0.0.${end}:${end}`)));
    const maybe = fc.option(anyLead, { nil: undefined });
    fc.assert(
      fc.property(maybe, maybe, maybe, (first, second, third) => {
        const table = new Map<string, string>();
        for (const [before, after] of [
          [undefined, first],
          [first, second],
          [second, third],
        ]) {
          run(table, changeText([change(1, before, after)]));
        }
        const direct = new Map<string, string>();
        run(direct, changeText([change(1, undefined, third)]));
        expect(new Map([...table].sort())).toEqual(new Map([...direct].sort()));
      }),
    );
  });
});

/** What nft would make of it; an element that is there twice or not at all is refused, as by the kernel. */
function run(table: Map<string, string>, text: string): void {
  for (const line of text.split("\n").filter((each) => each !== "")) {
    const match = /^(add|delete) element ip mrr_proxy (\w+) \{ (\d+)(?: : (.+))? \}$/.exec(line);
    if (match === null) throw new Error(line);
    const [, verb, map, key, to = ""] = match;
    const name = `${map} ${key}`;
    if (table.has(name) === (verb === "add")) throw new Error(`refused: ${line}`);
    if (verb === "add") table.set(name, to);
    else table.delete(name);
  }
}

describe("the table", () => {
  const layout: Layout = { host: null, forwards: true, routesLocalnet: false, remote: true };
  const chainOf = (text: string, name: string): string[] =>
    (new RegExp(`  chain ${name} \\{\\n([^}]*)\\n  \\}`).exec(text)?.[1] ?? "?")
      .split("\n")
      .map((line) => line.trim());

  test("replaces one of its name; nothing else is named", () => {
    const text = tableText(layout);
    expect(text.split("\n").slice(0, 3)).toEqual([
      "table ip mrr_proxy {}",
      "delete table ip mrr_proxy",
      "table ip mrr_proxy {",
    ]);
    expect(removalText).toBe("table ip mrr_proxy {}\ndelete table ip mrr_proxy\n");
    expect(text.match(/^table .*/gm)).toEqual(["table ip mrr_proxy {}", "table ip mrr_proxy {"]);
  });

  test("only what opens a connection is led; clients elsewhere only where the host forwards", () => {
    const syn = "tcp flags & (fin | syn | rst | ack) == syn";
    expect(chainOf(tableText(layout), "prerouting")).toEqual([
      "type nat hook prerouting priority dstnat - 5; policy accept;",
      `${syn} ip daddr != 127.0.0.0/8 fib daddr type local jump lead_net`,
    ]);
    expect(chainOf(tableText({ ...layout, forwards: false }), "prerouting")).toHaveLength(1);
    expect(chainOf(tableText({ ...layout, host: "127.0.0.1" }), "prerouting")).toHaveLength(1);
    expect(chainOf(tableText({ ...layout, host: "10.0.0.5" }), "output").slice(1)).toEqual([
      `${syn} ip daddr 127.0.0.0/8 ip daddr 10.0.0.5 goto lead_localhost`,
      `${syn} ip daddr 10.0.0.5 goto lead_local`,
    ]);
  });

  test("what is counted on arrival has a chain only where servers are elsewhere", () => {
    expect(chainOf(tableText(layout), "bytes_in").slice(1)).toEqual([
      'iif != "lo" ct status dnat goto count',
    ]);
    expect(chainOf(tableText({ ...layout, remote: false }), "bytes_in")).toEqual(["?"]);
    expect(chainOf(tableText({ ...layout, remote: false }), "bytes_out")).toHaveLength(2);
  });

  test("clients at 127.0.0.1 are led to other hosts only where Linux routes it", () => {
    expect(chainOf(tableText(layout), "lead_localhost")).toEqual(["jump lead_loop"]);
    const routed = tableText({ ...layout, routesLocalnet: true });
    expect(chainOf(routed, "lead_localhost")).toEqual(["jump lead_loop", "jump lead_net"]);
  });
});

test("sources of probes: the last one for a client stands, so that the kernel takes the whole", () => {
  const client = { ip: "10.0.0.9", port: 40_000 };
  const from = (port: number) => ({ client, from: { ip: "10.0.0.5", port } });
  expect(probesText([from(20_000), from(20_001)])).toBe(
    "flush map ip mrr_proxy probes\n" +
      "add element ip mrr_proxy probes { 10.0.0.9 . 40000 timeout 5s : 10.0.0.5 . 20001 }\n",
  );
});

test("counters are read from the listings of the sets", () => {
  const listing = (name: string, ...elements: readonly string[]): string =>
    `table ip mrr_proxy {\n\tset ${name} {\n\t\ttype inet_service\n\t\tcounter\n\t\telements = { ${elements.join(",\n\t\t\t     ")} }\n\t}\n}\n`;
  const text = [
    listing("connections", "20000 counter packets 3 bytes 180", "20001 counter packets 0 bytes 0"),
    listing("up", "20000 counter packets 40 bytes 5000", "20001 counter packets 0 bytes 0"),
    listing("down", "20000 counter packets 41 bytes 9007199254740991"),
  ].join("");
  expect([...parseCounters(text)]).toEqual([
    [20_000, { connections: 3, bytesUp: 5_000, bytesDown: 9_007_199_254_740_991 }],
    [20_001, { connections: 0, bytesUp: 0, bytesDown: 0 }],
  ]);
  expect(parseCounters("").size).toBe(0);
});
