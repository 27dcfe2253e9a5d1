/**
 * Owns the checks of processes: what the end of an executor, of this program, and a kill -9 leave behind: nothing.
 * Drives the program itself (main.ts, bundled for the test) and the in-process form.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  closeServer,
  findProcesses,
  freePort,
  isAlive,
  killProcess,
  listen,
  sweepProcesses,
  until,
} from "@mr-redis/testing";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  nextNote,
  notesIn,
  sandboxOf,
  startTestLocal,
  type TestLocal,
  TestScheduler,
  testTask,
} from "./harness.js";
import { ProgramFolder, type Ready } from "./program.js";

describe("the end of an executor", () => {
  let local: TestLocal | null = null;
  afterEach(async () => {
    await local?.end();
    local = null;
  });

  /** Starts an executor with children, kills it, and says which children live after FAILURE. */
  async function crash(launcher: "linux" | "posix") {
    local = await startTestLocal({ agentsCount: 1, launcher });
    const one = await new TestScheduler(local.url).subscribe();
    const a = await one.offer();
    await one.accept(a, [testTask(a, "t")]);
    await one.update("t", "TASK_RUNNING");
    const sandbox = sandboxOf(local, a, "ex-t");
    const kinds = [
      { name: "plain", command: { file: "sleep", args: ["71"] } },
      { name: "setsid", command: { file: "sleep", args: ["72"], detached: true } },
      { name: "clean", command: { file: "sleep", args: ["73"], detached: true, cleanEnv: true } },
      {
        name: "orphan",
        command: { file: "sh", args: ["-c", "setsid sleep 74 & exit 0"], detached: true },
      },
    ];
    for (const { command } of kinds) {
      await one.message(a.agent_id.value, "ex-t", { do: "spawn", ...command });
    }
    const spawned = () => notesIn(sandbox).filter(({ type }) => type === "spawned");
    await until(() => spawned().length === kinds.length, { what: "the children" });
    const workDir = local.workDir;
    const sleeping = () =>
      findProcesses(workDir).flatMap(
        ({ commandLine }) => /sleep (7\d)/.exec(commandLine)?.[1] ?? [],
      );
    await until(() => sleeping().length === 4, { what: "four sleeping children" });
    const { pid = 0 } = await nextNote(sandbox, ({ type }) => type === "started", "the start");
    await killProcess(pid);
    await one.next((event) => event.type === "FAILURE", "FAILURE");
    expect((await one.update("t")).reason).toBe("REASON_EXECUTOR_TERMINATED");
    const left = sleeping().sort();
    one.close();
    return { left, workDir };
  }

  test("linux: nothing escapes, with or without a session of its own, with a clean environment, orphaned", async () => {
    expect((await crash("linux")).left).toEqual([]);
  });

  test("posix: a child with a session of its own survives a dead executor, as with a real agent", async () => {
    const { left, workDir } = await crash("posix");
    expect(left).toEqual(["72", "73", "74"]);
    await sweepProcesses(workDir);
  });
});

describe("the program", () => {
  const programs = new ProgramFolder();
  beforeAll(() => programs.build());
  afterEach(() => programs.end());
  afterAll(() => programs.remove());
  const launch = (args: readonly string[]) => programs.launch(args);
  const start = (args: readonly string[]) => programs.start(args);

  /** Runs a task whose executor has a child, in a program that was started. */
  async function runTask(ready: Ready, plan: unknown = { exitOnClose: false }) {
    const one = await new TestScheduler(`http://127.0.0.1:${ready.port}`).subscribe();
    const a = await one.offer();
    await one.accept(a, [testTask(a, "t-1", { plan })]);
    await one.update("t-1", "TASK_RUNNING");
    const agents = ready.agents;
    const sandbox = sandboxOf({ agents } as TestLocal, a, "ex-t-1");
    await one.message(a.agent_id.value, "ex-t-1", {
      do: "spawn",
      file: "sleep",
      args: ["81"],
      detached: true,
    });
    const child = await nextNote(sandbox, ({ type }) => type === "spawned", "the child");
    const executor = await nextNote(sandbox, ({ type }) => type === "started", "the executor");
    return { one, a, sandbox, pids: [child.pid ?? 0, executor.pid ?? 0] };
  }

  test("SIGTERM ends every executor, then the program, with 0", async () => {
    const { child, ended, ready, said } = await start([
      "--work-dir",
      "a",
      "--close-grace",
      "500ms",
    ]);
    const { one, pids } = await runTask(ready, { stubborn: true, exitOnClose: false });
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
    expect(pids.map(isAlive)).toEqual([false, false]);
    expect(said()).toContain('"why":"SIGTERM"');
    one.close();
  });

  test("--exit-with-parent ends it when stdin ends", async () => {
    const { child, ended, ready } = await start(["--work-dir", "b", "--exit-with-parent"]);
    const { one, pids } = await runTask(ready);
    child.stdin?.end();
    expect(await ended).toBe(0);
    expect(pids.map(isAlive)).toEqual([false, false]);
    one.close();
  });

  test("a taken port is named, with its exit code", async () => {
    const port = await freePort();
    const server = await listen(port);
    const { ended, said } = launch(["--port", String(port), "--work-dir", "d"]);
    expect(await ended).toBe(8);
    expect(said()).toContain(`port ${port} of 127.0.0.1 is taken by another program`);
    await closeServer(server);
  });

  test("a work directory has one master", async () => {
    const first = await start(["--work-dir", "e"]);
    const second = launch(["--port", "0", "--work-dir", "e"]);
    expect(await second.ended).toBe(5);
    expect(second.said()).toContain(`is used by process ${first.child.pid}`);
    first.child.kill("SIGTERM");
    expect(await first.ended).toBe(0);
  });

  test("--help teaches; wrong flags are all named at once", async () => {
    const help = launch(["--help"]);
    expect(await help.ended).toBe(0);
    expect(help.said()).toContain("mrr-local --agents 3 --ports 6380-6480");
    const wrong = launch(["--agents", "0", "--ports=9-1", "--nonsense", "--launcher", "x"]);
    expect(await wrong.ended).toBe(2);
    for (const text of [
      "--agents must be",
      "--ports must be",
      "--nonsense is not known",
      "--launcher must be",
    ]) {
      expect(wrong.said()).toContain(text);
    }
  });
});
