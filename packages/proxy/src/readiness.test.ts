/**
 * Owns the tests of what the proxy says of itself: readiness, the metrics of the whole, the place of its state file.
 * SPDX-License-Identifier: Apache-2.0
 */
import { describe, expect, it } from "vitest";
import type { FollowStatus } from "./follow/follower.js";
import { metricsText } from "./metrics.js";
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
      'mr_redis_proxy_cuts_total{route="orders/write",instance="orders",kind="write"} 6',
      'mr_redis_proxy_waits_total{route="orders/write",instance="orders",kind="write"} 2',
    ]) {
      expect(text.split("\n")).toContain(line);
    }
    // Each name has its help and type once.
    const helps = text.split("\n").filter((line) => line.startsWith("# HELP"));
    expect(new Set(helps).size).toBe(helps.length);
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
