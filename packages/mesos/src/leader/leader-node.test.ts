/**
 * Owns the proof that the leader is found among the nodes of real masters, and that what is no leader is refused.
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { leaderBytesMax, leaderNode, parseLeader } from "./leader-node.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What a real master wrote (recorded). */
const recorded = bytes(
  '{"address":{"hostname":"127.0.0.1","ip":"127.0.0.1","port":5060},"capabilities":[{"type":"AGENT_UPDATE"},' +
    '{"type":"AGENT_DRAINING"},{"type":"QUOTA_V2"}],"hostname":"127.0.0.1","id":"42137386-88bc-4436-8c18-f83a900d78a5",' +
    '"ip":16777343,"pid":"master@127.0.0.1:5060","port":5060,"version":"1.12.0"}',
);

describe("leaderNode", () => {
  it.each<[string, string[], string | null]>([
    ["the lowest number", ["json.info_0000000007", "json.info_0000000003"], "json.info_0000000003"],
    [
      "by number, not by text",
      ["json.info_10000000000", "json.info_9999999999"],
      "json.info_9999999999",
    ],
    [
      "among others",
      ["log_replicas", "info_0000000001", "json.info_", "json.info_x", "json.info_0000000002"],
      "json.info_0000000002",
    ],
    ["of none", ["log_replicas"], null],
    ["of nothing", [], null],
  ])("is %s", (_name, children, expected) => {
    expect(leaderNode(children)).toBe(expected);
  });
});

describe("parseLeader", () => {
  it("reads what a real master wrote", () => {
    expect(parseLeader(recorded)).toEqual({
      ok: true,
      value: {
        id: "42137386-88bc-4436-8c18-f83a900d78a5",
        hostname: "127.0.0.1",
        ip: "127.0.0.1",
        port: 5060,
      },
    });
  });

  it.each([
    ['{"port":5050,"hostname":"m1.example"}', { id: null, hostname: "m1.example", ip: null }],
    ['{"address":{"ip":"::1","port":5050}}', { id: null, hostname: null, ip: "::1" }],
  ])("takes %s", (text, expected) => {
    expect(parseLeader(bytes(text))).toEqual({ ok: true, value: { ...expected, port: 5050 } });
  });

  it.each([
    ["", " is no JSON object"],
    ["[]", " is no JSON object"],
    ['{"address":', " is no JSON object"],
    ["{}", "address.port must be a port"],
    ['{"port":0,"hostname":"m"}', "address.port must be a port"],
    ['{"port":"5050","hostname":"m"}', "address.port must be a port"],
    ['{"port":5050}', "address names neither ip nor hostname"],
    ['{"address":{"port":5050,"ip":"1.2.3.4/x"}}', "address.ip must be an address"],
    ['{"port":5050,"hostname":"m1@evil"}', "address.hostname must be a host name"],
    ['{"port":5050,"hostname":"m1/x"}', "address.hostname must be a host name"],
    [" ".repeat(leaderBytesMax + 1), ` is over ${leaderBytesMax} bytes`],
  ])("refuses %j", (text, problem) => {
    const leader = parseLeader(bytes(text));
    expect(leader.ok ? [] : leader.problems.map(({ path, rule }) => `${path} ${rule}`)).toEqual([
      problem,
    ]);
  });

  it("never throws, and what it takes makes an origin", () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json().map(bytes),
      fc
        .record({ port: fc.integer(), hostname: fc.string(), address: fc.object() })
        .map((value) => bytes(JSON.stringify(value))),
      fc
        .record({ ip: fc.oneof(fc.ipV4(), fc.ipV6()), port: fc.nat(70_000) })
        .map((address) => bytes(JSON.stringify({ address }))),
    );
    fc.assert(
      fc.property(anything, (data) => {
        const leader = parseLeader(data);
        if (!leader.ok) return;
        const { hostname, ip, port } = leader.value;
        expect(hostname ?? ip).not.toBeNull();
        expect(Number.isInteger(port)).toBe(true);
      }),
    );
  });
});
