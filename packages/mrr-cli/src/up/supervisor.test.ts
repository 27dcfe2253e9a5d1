/** Tests of keeping a program running, with real processes and small limits. SPDX-License-Identifier: Apache-2.0 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAlive, pause, signalProcess, until } from "@mr-redis/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../system-clock.js";
import { openLog } from "./bounded-log.js";
import { Supervisor, type SupervisorLimits } from "./supervisor.js";

const limits: SupervisorLimits = {
  readyMsMax: 5_000,
  restartMsFirst: 1,
  restartMsMax: 4,
  restartsMax: 3,
  stableMs: 60_000,
};

let directory = "";
let said: string[] = [];
let supervisor: Supervisor | null = null;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mrr-supervisor-"));
  said = [];
});
afterEach(async () => {
  supervisor?.kill();
  await supervisor?.stop(1_000);
  rmSync(directory, { recursive: true, force: true });
});

const ready = `console.log('{"msg":"ready"}');`;
const stay = "setInterval(() => {}, 1000);";

/** Supervises `node -e script`. */
function supervise(script: string, changes: Partial<SupervisorLimits> = {}): Supervisor {
  const command = {
    name: "thing",
    command: process.execPath,
    args: ["-e", script],
    env: { ...process.env, COUNT: join(directory, "count") },
    log: openLog(join(directory, "thing.log")),
  };
  const events = { say: (text: string) => void said.push(text), childChanged: () => {} };
  supervisor = new Supervisor(command, systemClock, events, { ...limits, ...changes });
  return supervisor;
}

describe("giving up", () => {
  test("after so many ends in a row, with growing pauses", async () => {
    const thing = supervise(`console.error("no luck"); process.exit(5);`);
    void thing.start();
    expect(await thing.givenUp).toEqual({
      name: "thing",
      text: "thing ended 4 times in a row, the last time with exit code 5",
      exit: { code: 5, signal: null, wasReady: false, lines: ["no luck"] },
    });
    expect(said).toEqual([
      "thing ended (exit code 5); it is started again in 1 ms (1 of 3)",
      "thing ended (exit code 5); it is started again in 2 ms (2 of 3)",
      "thing ended (exit code 5); it is started again in 4 ms (3 of 3)",
    ]);
  });

  test.each([2, 3, 7, 8, 9, 11])(
    "at once for exit code %i, which says that nothing will help",
    async (code) => {
      const thing = supervise(`process.exit(${code});`);
      void thing.start();
      expect((await thing.givenUp).text).toBe(`thing does not start (exit code ${code})`);
      expect(said).toEqual([]);
    },
  );

  test("not at once when it was ready before: a port may be a moment late in coming free", async () => {
    const script = `
      const fs = require("node:fs");
      const count = fs.existsSync(process.env.COUNT) ? 1 : 0;
      fs.writeFileSync(process.env.COUNT, "x");
      if (count > 0) process.exit(8);
      ${ready} setTimeout(() => process.exit(1), 50);`;
    const thing = supervise(script);
    await thing.start();
    expect((await thing.givenUp).text).toBe(
      "thing ended 4 times in a row, the last time with exit code 8",
    );
  });

  test("at once when it refuses its configuration soon after it was ready", async () => {
    const thing = supervise(`${ready} setTimeout(() => process.exit(2), 50);`);
    await thing.start();
    expect((await thing.givenUp).text).toBe("thing does not go on (exit code 2)");
    expect(said).toEqual([]);
  });

  test("a program that does not exist", async () => {
    const log = openLog(join(directory, "thing.log"));
    const command = { name: "thing", command: "/nowhere/program", args: [], env: {}, log };
    const events = { say: () => {}, childChanged: () => {} };
    const thing = new Supervisor(command, systemClock, events, limits);
    void thing.start();
    const { exit } = await thing.givenUp;
    expect(exit).toEqual({
      code: null,
      signal: null,
      wasReady: false,
      lines: ["spawn /nowhere/program ENOENT"],
    });
  });

  test("only the last lines are kept, and the log has all", async () => {
    const thing = supervise(
      `for (let i = 0; i < 50; i++) console.log("line " + i); process.exitCode = 2;`,
    );
    void thing.start();
    const { exit } = await thing.givenUp;
    expect([exit.lines.length, exit.lines[0], exit.lines.at(-1)]).toEqual([
      20,
      "line 30",
      "line 49",
    ]);
    expect(readFileSync(join(directory, "thing.log"), "utf8").split("\n")).toHaveLength(53);
  });
});

describe("going on", () => {
  test("a program that is not ready in time is ended and started again", async () => {
    const script = `
      const fs = require("node:fs");
      if (fs.existsSync(process.env.COUNT)) { ${ready} }
      fs.writeFileSync(process.env.COUNT, "x"); ${stay}`;
    const thing = supervise(script, { readyMsMax: 3_000 });
    await thing.start();
    expect(said.slice(0, 2)).toEqual([
      "thing is not ready after 3 s; it is ended",
      "thing ended (signal SIGKILL); it is started again in 1 ms (1 of 3)",
    ]);
  });

  test("a run that was stable begins a new row", async () => {
    const thing = supervise(`${ready} ${stay}`, { stableMs: 1 });
    await thing.start();
    const backs = (): number => said.filter((text) => text.includes("is back")).length;
    for (let runs = 1; runs <= 5; runs += 1) {
      await pause(5);
      signalProcess(thing.pid ?? 0, "SIGKILL");
      await until(() => backs() === runs, { what: `run ${runs + 1}` });
    }
    expect(said.filter((text) => text.includes("is started again"))).toEqual(
      Array(5).fill("thing ended (signal SIGKILL); it is started again in 1 ms (1 of 3)"),
    );
  });
});

describe("ending", () => {
  test("in time: SIGTERM is enough", async () => {
    const thing = supervise(`${ready} ${stay}`);
    await thing.start();
    expect(thing.pid).not.toBe(null);
    await thing.stop(5_000);
    expect([thing.pid, said]).toEqual([null, []]);
    await thing.stop(5_000);
  });

  test("too late: its whole group is killed", async () => {
    const script = `
      process.on("SIGTERM", () => {});
      const { pid } = require("node:child_process").spawn("sleep", ["60"]);
      require("node:fs").writeFileSync(process.env.COUNT, String(pid));
      ${ready} ${stay}`;
    const thing = supervise(script);
    await thing.start();
    const grandchild = Number(readFileSync(join(directory, "count"), "utf8"));
    expect(isAlive(grandchild)).toBe(true);
    await thing.stop(100);
    await until(() => !isAlive(grandchild), { what: "the end of the grandchild" });
    expect([thing.pid, said]).toEqual([null, ["thing does not end within 0.1 s; it is killed"]]);
  });

  test("before the first run: none follows", async () => {
    const thing = supervise(`${ready} ${stay}`);
    await thing.stop(1_000);
    void thing.start();
    expect(thing.pid).toBe(null);
  });

  test("between two runs: no other run follows", async () => {
    const thing = supervise("process.exit(1);", { restartMsFirst: 60_000, restartMsMax: 60_000 });
    void thing.start();
    await until(() => said.length === 1, { what: "the end of the first run" });
    await thing.stop(1_000);
    expect([thing.pid, said.length]).toEqual([null, 1]);
  });
});
