/**
 * Owns a program with nothing but a data plane, for tests in network namespaces: it is told by HTTP what main.ts would tell
 * it, and prints what a plane tells. Bundled and started by kernel.test.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createServer } from "node:http";
import { openPlane, type PlaneKind } from "../src/kernel/choose.js";
import type { Route } from "../src/routes.js";
import { systemClock } from "../src/system-clock.js";

/** What it can be told. */
export interface Told {
  readonly changed: readonly Route[];
  readonly removed: readonly string[];
  readonly close?: boolean;
}

const print = (line: Readonly<Record<string, unknown>>): void =>
  console.log(JSON.stringify({ ...line, msg: line.msg }));

const [kind = "kernel", host = "127.0.0.1", waitMs = "60000"] = process.argv.slice(2);
try {
  const plane = await openPlane(kind as PlaneKind, {
    clock: systemClock,
    settings: {
      ...{ clientsMax: 1_000, clientsTotalMax: 10_000, tls: null },
      targetWaitMs: Number(waitMs),
    },
    workers: 1,
    watcher: {
      problem: ({ name }, problem) => print({ msg: "problem", name, problem }),
      log: (level, message, fields) => print({ ...fields, msg: message, level }),
    },
  });
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const told = JSON.parse(body) as Told;
    if (told.close === true) await plane.close();
    else await plane.change(told.changed, told.removed);
    const states = told.close === true ? [] : await plane.states();
    response.end(JSON.stringify(states), () => {
      if (told.close === true) process.exit(0);
    });
  });
  server.listen(9_100, host, () => print({ msg: "ready", plane: plane.kind }));
} catch (error) {
  print({ msg: "refused", error: String(error) });
  process.exit(3);
}
