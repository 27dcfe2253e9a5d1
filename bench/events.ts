/**
 * Owns the measurement of /v2/events: 10,000 instances told to a new reader, and the time from a change to all readers.
 * The real server on real sockets, over instances in a map; readers in a process of their own.
 * Run by hand in the root of the repository; command and results are in events.md.
 * SPDX-License-Identifier: Apache-2.0
 */
import { fork } from "node:child_process";
import { get } from "node:http";
import type { InstanceEndpoints } from "@mr-redis/core";
import { createApiServer } from "../packages/scheduler/src/api/server.js";
import { EventsHub } from "../packages/scheduler/src/events/hub.js";
import { createLog } from "../packages/scheduler/src/log.js";
import { FakeControlPort } from "../packages/scheduler/test/fake-control-port.js";
import { machineClock } from "../packages/scheduler/test/machine-clock.js";

const instances = 10_000;
const readers = 100;
const rounds = 200;
const host = "127.0.0.1";

/** Milliseconds on the clock of the machine, the same in every process. */
const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

const endpoints = (index: number, epoch: number): InstanceEndpoints => ({
  name: `inst-${index}`,
  incarnation: `b4f9c1d2-1111-4222-8333-${String(index).padStart(12, "0")}`,
  type: "MS",
  status: "RUNNING",
  epoch,
  writer: "ready",
  master: { processId: `inst-${index}::m-${epoch}`, address: "10.20.30.40", port: 31_000 },
  replicas: [{ processId: `inst-${index}::r`, address: "10.20.30.41", port: 31_001 }],
  proxy: { write: 20_000 + 2 * index, read: 20_001 + 2 * index },
});

/** Follows `count` streams: says when each is complete, then when all have heard of an epoch. */
function read(port: number, count: number): void {
  const heard = new Map<string, number>();
  let complete = 0;
  const beganMs = nowMs();
  for (let index = 0; index < count; index += 1) {
    get({ host, port, path: "/v2/events", agent: false }, (message) => {
      let rest = "";
      message.setEncoding("utf8");
      message.on("data", (text: string) => {
        const blocks = (rest + text).split("\n\n");
        rest = blocks.pop() ?? "";
        for (const block of blocks) {
          if (block.includes("event: complete")) {
            complete += 1;
            if (complete === count) process.send?.({ complete: nowMs() - beganMs });
          }
          const epoch = complete < count ? null : /"epoch":(\d+)/.exec(block)?.[1];
          if (epoch == null) continue;
          const seen = (heard.get(epoch) ?? 0) + 1;
          heard.set(epoch, seen);
          if (seen === 1) process.send?.({ first: nowMs(), epoch: Number(epoch) });
          if (seen === count) process.send?.({ last: nowMs(), epoch: Number(epoch) });
        }
      });
    });
  }
}

interface Word {
  readonly complete?: number;
  readonly first?: number;
  readonly last?: number;
}

const median = (values: readonly number[]): number =>
  [...values].sort((one, other) => one - other)[values.length >> 1] ?? Number.NaN;

const line = (what: string, values: readonly number[]): void =>
  console.log(
    `${what}: median ${median(values).toFixed(2)} ms, most ${Math.max(...values).toFixed(2)} ms`,
  );

async function measure(
  port: number,
  count: number,
  change: (epoch: number) => void,
): Promise<void> {
  const words: Word[] = [];
  const waiting: (() => void)[] = [];
  const before = process.cpuUsage();
  const child = fork(process.argv[1] ?? "", ["read", String(port), String(count)], {
    execArgv: process.execArgv,
  });
  child.on("message", (word) => {
    words.push(word as Word);
    for (const wake of waiting.splice(0)) wake();
  });
  const until = async <T>(find: () => T | undefined): Promise<T> => {
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  };
  const completeMs = await until(() => words.find((word) => word.complete !== undefined)?.complete);
  const { user, system } = process.cpuUsage(before);
  const size = `${instances} instances, ${count} reader${count === 1 ? "" : "s"}`;
  const cpuText = `${((user + system) / 1_000).toFixed(0)} ms of CPU at the scheduler`;
  console.log(`${size}: complete after ${completeMs.toFixed(0)} ms, ${cpuText}`);
  const [first, last, spent]: [number[], number[], number[]] = [[], [], []];
  for (let round = 1; round <= rounds; round += 1) {
    words.length = 0;
    const changedMs = nowMs();
    change(round + 1);
    spent.push(nowMs() - changedMs);
    first.push(
      (await until(() => words.find((word) => word.first !== undefined)?.first)) - changedMs,
    );
    last.push((await until(() => words.find((word) => word.last !== undefined)?.last)) - changedMs);
  }
  line("  a change, at the scheduler", spent);
  line("  until the first has read it", first);
  line("  until the last has read it", last);
  child.kill();
}

async function main(): Promise<void> {
  const all = new Map<string, InstanceEndpoints>();
  for (let index = 0; index < instances; index += 1) all.set(`inst-${index}`, endpoints(index, 1));
  const control = new FakeControlPort();
  control.hub = new EventsHub({
    clock: machineClock,
    source: (name) => all.get(name) ?? null,
    names: all.keys(),
    stream: "bench",
  });
  const server = createApiServer({
    port: control,
    clock: machineClock,
    corsOrigins: [],
    names: { bind: host, advertise: "" },
    version: "0.0.0",
    log: createLog({ program: "bench", level: "silent", destination: { write: () => {} } }),
  });
  const { port } = await server.listen({ host, port: 0 });
  let turn = 0;
  const change = (epoch: number): void => {
    turn = (turn + 997) % instances;
    all.set(`inst-${turn}`, endpoints(turn, epoch));
    control.hub.changed(`inst-${turn}`);
    control.hub.flush();
  };
  await measure(port, 1, change);
  await measure(port, readers, change);
  const { rss } = process.memoryUsage();
  console.log(`resident memory of the process that sends: ${(rss / 1024 ** 2).toFixed(0)} MiB`);
  await server.close();
}

if (process.argv[2] === "read") read(Number(process.argv[3]), Number(process.argv[4]));
else await main();
