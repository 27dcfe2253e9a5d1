/**
 * Owns the proof that both sessions speak TLS with whom the CA vouches for, and give nothing to anybody else.
 * SPDX-License-Identifier: Apache-2.0
 */
import { Authority, until, VirtualClock } from "@mr-redis/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type Program, ProgrammedServer, type ServerTls } from "../../test/programmed-server.js";
import {
  Closers,
  heartbeat,
  SessionHarness,
  sessionTestMs,
  startMaster,
  subscribedBy,
} from "../../test/session-harness.js";
import type { LeaderDetector } from "../leader/leader-detector.js";
import { jsonCodec } from "../wire/json-codec.js";
import { reviveCall } from "../wire/scheduler-calls.js";
import { createExecutorSession, type ExecutorSessionState } from "./executor-session.js";

vi.setConfig({ testTimeout: sessionTestMs });

let authority: Authority;
let stranger: Authority;
let loopback: ServerTls;
beforeAll(() => {
  authority = new Authority();
  stranger = new Authority();
  loopback = authority.certificate("IP:127.0.0.1,DNS:localhost");
}, sessionTestMs);
afterAll(() => {
  authority.remove();
  stranger.remove();
});

const closers = new Closers();
afterEach(() => closers.closeAll());

async function serve(program: Program, tls: ServerTls | null): Promise<ProgrammedServer> {
  const server = await ProgrammedServer.start(program, jsonCodec, 0, tls);
  closers.add(() => server.stop());
  return server;
}

const master: Program = (request, answer) => {
  if (request.body.type === "SUBSCRIBE") answer.stream().event(subscribedBy("a"), heartbeat);
  else answer.send(202);
};

const credential = { principal: "kv", secret: "hidden" };

describe("a scheduler", () => {
  it("subscribes and calls with TLS, over a redirect, with the credential", async () => {
    const leader = await serve(master, loopback);
    const follower = await serve(
      (_request, answer) =>
        answer.send(307, "", { location: `//${leader.address}/master/api/v1/scheduler` }),
      loopback,
    );
    const { session, states, reach } = new SessionHarness(closers, {
      masters: [follower.address],
      ca: authority.ca,
      credential,
    });
    await reach("subscribed");
    expect(states.at(-1)).toMatchObject({ master: `https://${leader.address}` });
    expect(await session.call(reviveCall())).toEqual({ type: "accepted" });
    const token = `Basic ${Buffer.from("kv:hidden").toString("base64")}`;
    expect(leader.requests.map((request) => request.headers.authorization)).toEqual([token, token]);
  });

  it("takes any of several authorities", async () => {
    const server = await serve(master, loopback);
    const { reach } = new SessionHarness(closers, {
      masters: [`https://${server.address}`],
      ca: `${stranger.ca}\n${authority.ca}`,
    });
    await reach("subscribed");
  });

  it("calls a detected leader by its name, with TLS since there is a CA", async () => {
    const server = await serve(master, authority.certificate("DNS:localhost"));
    const port = Number(server.address.split(":")[1]);
    const detector: LeaderDetector = {
      name: "test",
      watch: (listener) => {
        const leader = { id: "a", hostname: "localhost", ip: "127.0.0.1", port };
        queueMicrotask(() => listener({ type: "leader", leader }));
        return { close: async () => {} };
      },
    };
    const { clock, states, reach } = new SessionHarness(closers, { detector, ca: authority.ca });
    await reach("waiting", 2);
    clock.advanceBy(250);
    await reach("subscribed");
    expect(states.at(-1)).toMatchObject({ master: `https://localhost:${port}` });
  });

  it.each<[string, () => { ca?: string; tls: ServerTls | null; because: RegExp }]>([
    [
      "another authority's",
      () => ({ ca: stranger.ca, tls: loopback, because: /^the certificate is not trusted: / }),
    ],
    ["unknown", () => ({ tls: loopback, because: /^the certificate is not trusted: / })],
    [
      "for another name",
      () => ({
        ca: authority.ca,
        tls: authority.certificate("DNS:m1.example"),
        because: /^the certificate is another's: .*127\.0\.0\.1/,
      }),
    ],
    [
      "missing: it speaks no TLS",
      () => ({ ca: authority.ca, tls: null, because: /^no TLS with the other side: ERR_SSL_/ }),
    ],
  ])(
    "gives nothing to a master whose certificate is %s, and tries again",
    async (_name, setting) => {
      const { ca, tls, because } = setting();
      const server = await serve(master, tls);
      const { clock, states, reach } = new SessionHarness(closers, {
        masters: [`https://${server.address}`],
        credential,
        ...(ca === undefined ? {} : { ca }),
      });
      await reach("waiting");
      const state = states.at(-1);
      expect(state?.type === "waiting" && state.because).toMatch(because);
      clock.advanceBy(250);
      await reach("waiting", 2);
      expect(server.requests).toEqual([]);
    },
  );

  it("is not led away from TLS by a redirect", async () => {
    const plain = await startMaster(closers);
    const server = await serve(
      (_request, answer) =>
        answer.send(307, "", { location: `http://${plain.server.address}/api/v1/scheduler` }),
      loopback,
    );
    const { states, reach } = new SessionHarness(closers, {
      masters: [`https://${server.address}`],
      ca: authority.ca,
      credential,
    });
    await reach("waiting");
    expect(states.at(-1)).toMatchObject({ because: "the master redirects to nowhere" });
    expect(plain.server.requests).toEqual([]);
  });
});

describe("an executor", () => {
  /** An agent with a certificate for these names, and an executor of its. */
  async function start(names: string, options: { ca: string; agentName?: string }) {
    const server = await serve((request, answer) => {
      if (request.body.type !== "SUBSCRIBE") {
        answer.send(202);
        return;
      }
      answer.stream().event({
        type: "SUBSCRIBED",
        subscribed: {
          executor_info: { executor_id: { value: "E" } },
          framework_info: { user: "u", name: "n" },
          agent_info: { hostname: "h" },
        },
      });
    }, authority.certificate(names));
    const states: ExecutorSessionState[] = [];
    const session = createExecutorSession({
      environment: {
        frameworkId: "F",
        executorId: "E",
        agentId: "A",
        endpoint: { origin: `https://${server.address}` },
        sandbox: "/",
        checkpoint: true,
        shutdownGraceMs: 5000,
        recoveryTimeoutMs: 900_000,
        subscriptionBackoffMaxMs: 2000,
        authenticationToken: "hidden",
      },
      clock: new VirtualClock(),
      random: () => 0.5,
      randomBytes16: () => new Uint8Array(16),
      onEvent: () => {},
      onState: (state) => states.push(state),
      ...options,
    });
    closers.add(() => session.close());
    session.start();
    await until(() => states.length > 0, { what: "a state", deadlineMs: 20_000 });
    return { server, session, state: states[0] };
  }

  it.each([
    ["the address of its agent", "IP:127.0.0.1", undefined],
    ["the name of its agent", "DNS:agent.example", "agent.example"],
  ])("subscribes and reports with TLS to %s", async (_name, names, agentName) => {
    const { server, session, state } = await start(names, {
      ca: authority.ca,
      ...(agentName === undefined ? {} : { agentName }),
    });
    expect(state?.type).toBe("subscribed");
    void session.update({ task_id: { value: "t" }, state: "TASK_RUNNING" });
    const reported = () => server.calls("UPDATE").length === 1;
    await until(reported, { what: "the update", deadlineMs: 20_000 });
    expect(server.calls("UPDATE")[0]?.headers.authorization).toBe("Bearer hidden");
  });

  it.each([
    ["another authority's", "IP:127.0.0.1", () => ({ ca: stranger.ca }), /is not trusted: /],
    ["another's", "DNS:agent.example", () => ({ ca: authority.ca }), /is another's: /],
    [
      "another agent's",
      "IP:127.0.0.1,DNS:agent.example",
      () => ({ ca: authority.ca, agentName: "agent-2.example" }),
      /is another's: .*agent-2\.example/,
    ],
  ])(
    "gives nothing to an agent whose certificate is %s",
    async (_name, names, options, because) => {
      const { server, state } = await start(names, options());
      expect(state).toMatchObject({
        type: "disconnected",
        because: expect.stringMatching(because),
      });
      expect(server.requests).toEqual([]);
    },
  );
});
