/**
 * Owns the tests of what the proxy says of itself: readiness, the metrics of the whole, the place of its state file.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFileSync } from "node:fs";
import { parsePrometheus } from "@mr-redis/testing";
import { describe, expect, it } from "vitest";
import type { FollowStatus } from "./follow/follower.js";
import { metricsText, proxyMetrics } from "./metrics.js";
import { type ReadinessFacts, readinessOf } from "./readiness.js";
import type { RouteState } from "./routes.js";
import { stateFileDefault } from "./state-place.js";

const away: FollowStatus = {
  state: "away",
  scheduler: null,
  sinceMs: 1_000,
  heardAtMs: null,
  isComplete: false,
  events: 0,
  streams: 0,
  polls: 0,
  unreadable: 0,
};

const facts = (more: Partial<ReadinessFacts>): ReadinessFacts => ({
  follow: away,
  savedAtMs: null,
  instances: 0,
  problems: 0,
  entries: 0,
  plane: "userspace",
  nowMs: 5_000,
  ...more,
});

describe("readiness", () => {
  it("is there as soon as something is known", () => {
    const following: FollowStatus = {
      ...away,
      ...{ state: "following", scheduler: "http://s", heardAtMs: 2_000, isComplete: true },
    };
    const said = (more: Partial<ReadinessFacts>) => {
      const { isReady, body } = readinessOf(facts(more));
      return [isReady, body.topology, body.lastKnownAt];
    };
    expect(said({})).toEqual([false, "none", null]);
    expect(said({ follow: null })).toEqual([true, "static", null]);
    expect(said({ savedAtMs: 0 })).toEqual([true, "last-known", "1970-01-01T00:00:00.000Z"]);
    expect(said({ follow: following })).toEqual([true, "following", "1970-01-01T00:00:02.000Z"]);
    expect(said({ follow: { ...following, state: "polling" } })[1]).toBe("polling");
    expect(said({ follow: { ...following, state: "away" } })[1]).toBe("last-known");
    expect(said({ follow: { ...following, isComplete: false } })[0]).toBe(false);
  });
});

describe("metrics", () => {
  it("name the instance of a followed route, and escape what people wrote", () => {
    const state = (name: string, kind: RouteState["route"]["kind"]): RouteState => ({
      route: { name, kind, listen: { host: "", port: 1 }, targets: [], kept: [] },
      problem: null,
      counters: {
        ...{ accepted: 3, open: 1, waiting: 0, waits: 2, bytesUp: 4, bytesDown: 5 },
        ...{ cuts: 6, refusals: 7 },
      },
    });
    const text = metricsText(
      [state('a"b\n', "static"), state("orders/write", "write")],
      readinessOf(facts({ instances: 1, savedAtMs: 4_000 })),
    );
    for (const line of [
      'mr_redis_proxy_info{plane="userspace",topology="last-known"} 1',
      "mr_redis_proxy_instances 1",
      "mr_redis_proxy_topology_age_seconds 1",
      "# TYPE mr_redis_proxy_events_total counter",
      'mr_redis_proxy_connections_total{route="a\\"b\\n"} 3',
      'mr_redis_proxy_cuts_total{route="orders/write",redis_instance="orders",kind="write"} 6',
      'mr_redis_proxy_waits_total{route="orders/write",redis_instance="orders",kind="write"} 2',
    ]) {
      expect(text.split("\n")).toContain(line);
    }
    const known = proxyMetrics.map(({ name }) => name);
    expect([...parsePrometheus(text).keys()].filter((name) => !known.includes(name))).toEqual([]);
    expect(metricsText([], readinessOf(facts({})))).not.toContain("connections_total");
  });

  it("are those of docs/reference/metrics.md", () => {
    const url = new URL("../../../docs/reference/metrics.md", import.meta.url);
    const page = readFileSync(url, "utf8");
    const [, section = ""] = /<!-- proxy -->\n([\s\S]*?)<!-- \/proxy -->/.exec(page) ?? [];
    const rows = section.split("\n").filter((line) => line.startsWith("| `"));
    const wanted = proxyMetrics.map(({ name, type, unit, labels, help }) => {
      const words = labels.map((label) => `\`${label}\``).join(", ");
      return `| \`${name}\` | ${type} | ${unit} | ${words} | ${help} |`;
    });
    const how = "between the marks `proxy` of docs/reference/metrics.md";
    expect(wanted.filter((row) => !rows.includes(row)).join("\n"), `write these rows ${how}`).toBe(
      "",
    );
    expect(rows.length, `only these rows are ${how}`).toBe(wanted.length);
  });
});

describe("the place of the state file", () => {
  it("is root's or the user's, and another one for other schedulers", () => {
    const user = { env: {}, homeDirectory: "/home/u", isRoot: false };
    const file = stateFileDefault(user, ["http://a", "http://b"], "0.0.0.0");
    expect(file).toMatch(/^\/home\/u\/\.local\/state\/mr-redis\/proxy-[0-9a-f]{12}\.json$/);
    expect(stateFileDefault(user, ["http://b", "http://a"], "0.0.0.0")).toBe(file);
    expect(stateFileDefault(user, ["http://a"], "0.0.0.0")).not.toBe(file);
    expect(stateFileDefault({ ...user, isRoot: true }, [], "")).toMatch(/^\/var\/lib\/mr-redis\//);
    const env = { XDG_STATE_HOME: "/s" };
    expect(stateFileDefault({ ...user, env }, [], "")).toMatch(/^\/s\/mr-redis\//);
  });
});
