/**
 * Owns a set-up of schedulers in this process that share a memory store and a Mesos master, for tests; ends all of it.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfig } from "@mr-redis/core";
import { createStore, MemoryBackend, type Store } from "@mr-redis/store";
import { createLog } from "../src/log.js";
import { type RunningScheduler, type SchedulerOptions, startScheduler } from "../src/scheduler.js";
import { FakeMesos } from "./fake-mesos.js";
import { machineClock } from "./machine-clock.js";

/** Limit of the stores here: short, since some tests wait for it. */
export const timeLimitMs = 300;

/** An answer of an API; redirects are not followed. */
export interface HouseAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into answers whose shape they know
  readonly json: any;
}

/** One scheduler. */
export interface Tenant extends RunningScheduler {
  readonly url: string;
  /** Lines of its log. */
  readonly lines: readonly string[];
  ask(method: string, path: string, body?: unknown): Promise<HouseAnswer>;
}

/** See the head of this file. */
export class SchedulerHouse {
  readonly backend = new MemoryBackend();
  readonly mesos = new FakeMesos();
  readonly #directory: string;
  readonly #tenants: RunningScheduler[] = [];

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async open(): Promise<SchedulerHouse> {
    const house = new SchedulerHouse(await mkdtemp(join(tmpdir(), "mrr-house-")));
    await writeFile(join(house.#directory, "executor"), "#!/bin/sh\n");
    await house.mesos.listen();
    return house;
  }

  /** A handle on what all share. */
  openStore(): Promise<Store> {
    const { backend } = this;
    return createStore({ driver: "memory", backend, clock: machineClock, timeLimitMs });
  }

  async start(
    config: Record<string, unknown> = {},
    options: Partial<SchedulerOptions> = {},
  ): Promise<Tenant> {
    const parsed = parseConfig(
      {
        DBType: "etcd",
        DBEndPoint: "etcd.example:2379",
        Master: this.mesos.address,
        MesosEncoding: "json",
        ExecutorPath: join(this.#directory, "executor"),
        HTTPBind: "127.0.0.1",
        HTTPPort: 0,
        ArtifactPort: 0,
        OfferHoldMs: 50,
        DBTimeLimitMs: timeLimitMs,
        ...config,
      },
      {},
    );
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    const lines: string[] = [];
    const running = await startScheduler({
      config: parsed.value.config,
      version: "9.9.9",
      clock: machineClock,
      log: createLog({
        program: "test",
        level: "info",
        destination: { write: (line) => lines.push(line) },
      }),
      openStore: () => this.openStore(),
      signal: new AbortController().signal,
      ...options,
    });
    this.#tenants.push(running);
    const url = `http://127.0.0.1:${running.http.port}`;
    return { ...running, url, lines, ask: (method, path, body) => ask(url + path, method, body) };
  }

  async close(): Promise<void> {
    this.backend.fault = () => null;
    await Promise.all(this.#tenants.map((tenant) => tenant.close()));
    await this.mesos.close();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

function ask(url: string, method: string, body?: unknown): Promise<HouseAnswer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        const text = Buffer.concat(parts).toString();
        let json: unknown = null;
        try {
          json = JSON.parse(text);
        } catch {
          // Text for people.
        }
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
      });
    });
    request.on("error", reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
