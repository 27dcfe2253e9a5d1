/**
 * Owns the proof that `zk://` addresses are read, and that no problem repeats a secret.
 * SPDX-License-Identifier: Apache-2.0
 */
import { describe, expect, it } from "vitest";
import { parseZookeeperAddress } from "./zookeeper-address.js";

describe("parseZookeeperAddress", () => {
  it.each<[string, string, string, string | null]>([
    ["zk://a:2181/mesos", "a:2181", "/mesos", null],
    ["zk://a:1,b.c:2,127.0.0.1:3/mesos/site-1", "a:1,b.c:2,127.0.0.1:3", "/mesos/site-1", null],
    ["zk://a/mesos/", "a:2181", "/mesos", null],
    ["zk://u:p@a:1/m", "a:1", "/m", "u:p"],
    ["zk://u:p@:,x@a:1/m", "a:1", "/m", "u:p@:,x"],
  ])("reads %s", (text, servers, path, secret) => {
    expect(parseZookeeperAddress(text)).toEqual({
      ok: true,
      value: { servers, path, secret, text: `zk://${servers}${path}` },
    });
  });

  it("gives IPv6 to the client without brackets, and to people with them", () => {
    expect(parseZookeeperAddress("zk://u:p@[::1],[fd00::2]:7/m")).toEqual({
      ok: true,
      value: {
        servers: "::1:2181,fd00::2:7",
        path: "/m",
        secret: "u:p",
        text: "zk://[::1]:2181,[fd00::2]:7/m",
      },
    });
  });

  it.each([
    "http://a:1/m",
    "zk://a:1",
    "zk://a:1/",
    "zk:///m",
    "zk://a:1,/m",
    "zk://a:0/m",
    "zk://a:65536/m",
    "zk://a:1/m//n",
    "zk://a:1/../m",
    "zk://a:1/m?x",
    "zk://a b:1/m",
    "zk://hidden@a:1/m",
    "zk://:hidden@a:1/m",
    "zk://u:hidden@/m",
    "zk://u:hidden@a:x/m",
  ])("refuses %s, without repeating it", (text) => {
    const address = parseZookeeperAddress(text);
    expect(address.ok).toBe(false);
    expect(JSON.stringify(address)).not.toContain("hidden");
  });
});
