/**
 * Owns the tests of the proxy's configuration file: the ancestor's own, every limit, all problems at once.
 * SPDX-License-Identifier: Apache-2.0
 */
import { describe, expect, it } from "vitest";
import { configKeys, parseProxyConfig } from "./config.js";

const read = (value: unknown) => parseProxyConfig(JSON.stringify(value));

const problems = (value: unknown): string[] => {
  const result = read(value);
  return result.ok ? [] : result.problems.map(({ path, rule }) => `${path} ${rule}`);
};

const entry = (name: string, from: string, to?: string) => ({
  Name: name,
  Pair: { From: from, ...(to === undefined ? {} : { To: to }) },
});

describe("parseProxyConfig", () => {
  it("reads the ancestor's example", () => {
    const config = read({
      HTTPPort: "7979",
      Entries: [entry("Master", "0.0.0.0:6677", "10.11.12.125:6380")],
    });
    expect(config).toEqual({
      ok: true,
      value: {
        httpBind: "127.0.0.1",
        httpPort: 7979,
        clientsMax: 10_000,
        targetWaitMs: 10_000,
        workers: 1,
        bind: "0.0.0.0",
        plane: "userspace",
        schedulers: [],
        tls: null,
        stateFile: null,
        tokenFile: null,
        caFile: null,
        warnings: [],
        routes: [
          {
            name: "Master",
            kind: "static",
            kept: [],
            listen: { host: "0.0.0.0", port: 6677 },
            targets: [{ host: "10.11.12.125", port: 6380 }],
          },
        ],
      },
    });
  });

  it("takes IPv6, an empty host, an entry without a target, keys in any case, and says what it does not know", () => {
    const config = read({
      httpport: 80,
      Colour: "red",
      Entries: [entry("a", "[::1]:1", "[fe80::1]:2"), entry("b", ":3", "")],
    });
    expect(
      config.ok && [config.value.routes, config.value.httpPort, config.value.warnings],
    ).toEqual([
      [
        {
          name: "a",
          kind: "static",
          kept: [],
          listen: { host: "::1", port: 1 },
          targets: [{ host: "fe80::1", port: 2 }],
        },
        { name: "b", kind: "static", kept: [], listen: { host: "", port: 3 }, targets: [] },
      ],
      80,
      [`Colour is not known; known are ${configKeys.join(", ")}`],
    ]);
  });

  it("names the same name and the same port twice", () => {
    const entries = [entry("a", "h:1", "t:1"), entry("a", "h:2", "t:1"), entry("b", "h:1", "t:1")];
    expect(problems({ Entries: entries })).toEqual([
      "Entries[1].Name must be unique: Entries[0] has the same",
      "Entries[2].Pair.From must be unique: Entries[0] has the same",
    ]);
  });

  it("names everything that is wrong at once", () => {
    const form = '{"Name": "...", "Pair": {"From": "HOST:PORT", "To": "HOST:PORT"}}';
    const address = "must be HOST:PORT, for example 10.0.0.1:6380";
    const raw = {
      HTTPPort: "http",
      HTTPBind: "a b",
      ClientsMax: 0,
      TargetWaitMs: -1,
      Entries: [1, entry("", "x", "y"), entry("c", "h:0", ":5"), entry("d", "h:65536", "h:1 ")],
    };
    expect(problems(raw)).toEqual([
      "HTTPPort must be a whole number from 1 to 65535",
      "ClientsMax must be a whole number from 1 to 1000000",
      "TargetWaitMs must be a whole number from 0 to 600000",
      "HTTPBind must be an address or a host name",
      `Entries[0] must be ${form}`,
      "Entries[1].Name must be a text of 1 to 255 characters",
      `Entries[1].Pair.From ${address}`,
      `Entries[1].Pair.To ${address}`,
      `Entries[2].Pair.From ${address}`,
      `Entries[2].Pair.To ${address}`,
      `Entries[3].Pair.From ${address}`,
      `Entries[3].Pair.To ${address}`,
    ]);
  });

  it("follows schedulers, with flags that count instead of the file's keys", () => {
    const text = JSON.stringify({
      scheduler: ["http://a:1/", "https://b/x/"],
      Plane: "kernel",
      ClientsMax: 7,
      Workers: "2",
      State: "/tmp/s",
    });
    const config = parseProxyConfig(text, { ClientsMax: "8", Plane: "auto", Bind: "10.0.0.1" });
    expect(config).toMatchObject({
      ok: true,
      value: {
        schedulers: ["http://a:1", "https://b/x"],
        ...{ plane: "auto", clientsMax: 8, workers: 2, bind: "10.0.0.1", stateFile: "/tmp/s" },
      },
    });
    expect(parseProxyConfig("{}", { Scheduler: "http://a:1, http://a:1/,http://c" })).toMatchObject(
      {
        value: { schedulers: ["http://a:1", "http://c"] },
      },
    );
  });

  it("names addresses that are none, and a certificate without its key", () => {
    const address = "Scheduler must be an address like http://10.0.0.1:5656 and is";
    const many = Array.from({ length: 17 }, (_, index) => `http://h${index}`);
    expect(problems({ Scheduler: ["ftp://a", 1, "http://u:p@a"], TlsCert: "c" })).toEqual([
      `${address} "ftp://a"`,
      `${address} no text`,
      `${address} "http://u:p@a"`,
      "TlsKey must be given, too: a certificate goes with its key",
    ]);
    expect(problems({ Scheduler: many })).toEqual(["Scheduler must name at most 16 schedulers"]);
    expect(problems({ TlsCert: "c", TlsKey: "k", Plane: "kernel", Workers: 0 })).toEqual([
      "Workers must be a whole number from 1 to 64",
      "Plane must be userspace or auto: the kernel plane cannot speak TLS",
    ]);
    expect(problems({ Plane: "fast" })).toEqual(["Plane must be one of auto, kernel, userspace"]);
  });

  it.each(["", "[]", "null", '"x"', "{", '{"Entries": {}}'])("refuses %j", (text) => {
    expect(parseProxyConfig(text).ok).toBe(false);
  });
});
