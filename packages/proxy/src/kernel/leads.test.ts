/**
 * Owns the tests of what the kernel leads and what it leaves to userspace. SPDX-License-Identifier: Apache-2.0
 */
import { describe, expect, test } from "vitest";
import { parseHostPort, type Route } from "../routes.js";
import { goneOf, hostOf, leadHost, leadOf, leadSlotsMax, noLead } from "./leads.js";

const hostPort = (text: string) => {
  const parsed = parseHostPort(text);
  if (parsed === null) throw new Error(text);
  return parsed;
};

const route = (
  listen: string,
  targets: readonly string[],
  kept: readonly string[] = [],
): Route => ({
  name: "a/write",
  kind: "write",
  listen: hostPort(listen),
  targets: targets.map(hostPort),
  kept: kept.map(hostPort),
});

describe("leads", () => {
  test("checked IPv4 addresses are led; loopback is a reach of its own", () => {
    expect(leadOf(route(":20000", ["10.0.0.1:6379"]), null)).toEqual({
      reach: "net",
      targets: [{ ip: "10.0.0.1", port: 6_379 }],
    });
    expect(leadOf(route("127.0.0.1:20000", ["localhost:1", "127.0.0.2:2"]), "127.0.0.1")).toEqual({
      reach: "loop",
      targets: [
        { ip: "127.0.0.1", port: 1 },
        { ip: "127.0.0.2", port: 2 },
      ],
    });
  });

  test.each([
    ["no target", route(":20000", [])],
    ["a name", route(":20000", ["redis.example:6379"])],
    ["IPv6", route(":20000", ["[2001:db8::1]:6379"])],
    ["one of several is a name", route(":20000", ["10.0.0.1:6379", "redis.example:6379"])],
    ["loopback and others", route(":20000", ["10.0.0.1:6379", "127.0.0.1:6379"])],
    ["no address of a host", route(":20000", ["0.0.0.0:6379"])],
    ["another address of ours", route("10.0.0.5:20000", ["10.0.0.1:6379"])],
  ])("userspace carries: %s", (_, one) => {
    expect(leadOf(one, null)).toEqual(noLead);
  });

  test("nothing that a name could hide gets into the text for nft", () => {
    const hostile = { host: "10.0.0.1 }; flush ruleset; #", port: 1 };
    expect(leadOf({ ...route(":20000", []), targets: [hostile] }, null)).toEqual(noLead);
    expect(leadHost({ host: "10.0.0.5 accept", port: 1 })).toBeUndefined();
  });

  test("more replicas than slots: the first ones are used", () => {
    const many = Array.from({ length: leadSlotsMax + 1 }, (_, index) => `10.0.0.${index}:1`);
    expect(leadOf(route(":20000", many), null).targets).toHaveLength(leadSlotsMax);
  });
});

test("the address that most routes have is the one of the table", () => {
  expect(hostOf([])).toBeNull();
  expect(hostOf([route(":1", []), route("10.0.0.5:2", []), route("10.0.0.5:3", [])])).toBe(
    "10.0.0.5",
  );
  expect(
    [":1", "0.0.0.0:1", "[::]:1", "localhost:1", "[::1]:1", "name:1"].map(hostPort).map(leadHost),
  ).toEqual([null, null, null, "127.0.0.1", undefined, undefined]);
});

test("what the route neither leads to nor keeps is gone; without the route all is", () => {
  const led = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map((ip) => ({ ip, port: 6_379 }));
  expect(goneOf(led, route(":20000", ["10.0.0.2:6379"], ["10.0.0.3:6379"]))).toEqual([led[0]]);
  expect(goneOf(led, route(":20000", ["10.0.0.2:6380"]))).toEqual(led);
  expect(goneOf(led, undefined)).toEqual(led);
});
