/**
 * Tests of `mrr up` as a process, with stand-ins for the programs that it keeps running.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  closeServer,
  eventually,
  freePorts,
  isAlive,
  launch,
  listen,
  type Program,
  signalProcess,
  sweepProcesses,
  until,
} from "@mr-redis/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fakeProgram, useBuiltCli } from "./built-cli.js";
import { instanceJson } from "./fake-api.js";
import { useDirectory } from "./run-cli.js";

const main = useBuiltCli();

const directory = useDirectory();
let ports: { http: number; artifact: number; mesos: number; proxy: number };

const dataDir = (): string => join(directory(), "data");
const eventsFile = (): string => join(directory(), "events");

/** How the stand-ins behave from their next start on. They may read it at any time: it is replaced at once. */
const behave = (behaviour: Readonly<Record<string, unknown>>): void => {
  const draft = join(directory(), "behaviour.new");
  writeFileSync(draft, JSON.stringify(behaviour));
  renameSync(draft, join(directory(), "behaviour.json"));
};

interface Happened {
  readonly role: "local" | "scheduler" | "proxy";
  readonly pid: number;
  readonly what: string;
}

const happened = (): Happened[] =>
  existsSync(eventsFile())
    ? readFileSync(eventsFile(), "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Happened)
    : [];

const starts = (role: Happened["role"]): Happened[] =>
  happened().filter((event) => event.role === role && event.what.startsWith("start "));

const livingPids = (): number[] =>
  happened()
    .filter(({ what }) => what.startsWith("start "))
    .map(({ pid }) => pid)
    .filter(isAlive);

beforeEach(async () => {
  const [http = 0, artifact = 0, mesos = 0, proxy = 0] = await freePorts(4);
  ports = { http, artifact, mesos, proxy };
  await mkdir(join(directory(), "bin"));
  // A redis-server of which only its version is asked.
  fakeRedis("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1");
  behave({});
});

afterEach(async () => {
  await sweepProcesses(directory());
});

function fakeRedis(version: string, name = "redis-server"): void {
  const file = join(directory(), "bin", name);
  writeFileSync(file, `#!/bin/sh\necho "${version}"\n`);
  chmodSync(file, 0o755);
}

const portWords = (): string[] => [
  "--http-port",
  String(ports.http),
  "--artifact-port",
  String(ports.artifact),
  "--mesos-port",
  String(ports.mesos),
  "--proxy-http-port",
  String(ports.proxy),
];

const environment = (): NodeJS.ProcessEnv => ({
  PATH: `${join(directory(), "bin")}:/usr/bin:/bin`,
  HOME: directory(),
  HOST: "10.1.2.3",
  MRR_ANCESTOR_FILE: "",
  MRR_LOCAL_MAIN: fakeProgram,
  MRR_SCHEDULER_MAIN: fakeProgram,
  MRR_PROXY_MAIN: fakeProgram,
  FAKE_EVENTS: eventsFile(),
  FAKE_BEHAVIOUR: join(directory(), "behaviour.json"),
});

const up = (words: readonly string[] = portWords(), env = environment()): Promise<Program> =>
  launch({
    command: process.execPath,
    args: [main(), "up", "--data-dir", dataDir(), ...words],
    env,
    cwd: directory(),
  });

const ready = (program: Program): Promise<void> =>
  program.waitFor(
    () => {
      if (!program.stdout.includes("mr-redis is ready")) throw new Error("not ready");
    },
    { what: "mrr up is ready" },
  );

/** Waits for the end and gives the exit code and what was said. */
async function failing(words?: readonly string[], env?: NodeJS.ProcessEnv) {
  const program = await up(words, env);
  const { code } = await program.exited;
  await until(() => program.stderr !== "", { what: "a reason" });
  return { code, stderr: program.stderr, stdout: program.stdout };
}

describe("a start", () => {
  test("says where everything is, and Ctrl-C ends the scheduler first", async () => {
    const program = await up([...portWords(), "--agents", "4", "--agent-cpus", "2.5"]);
    await ready(program);
    expect(program.stdout.replace(/\(\d+\.\d s\)/, "(N s)").split("\n")).toEqual([
      "mr-redis is ready (N s).",
      "",
      `  API     http://127.0.0.1:${ports.http}`,
      expect.stringMatching(
        new RegExp(
          `^  Mesos   http://127.0.0.1:${ports.mesos} \\(built in\\), ` +
            "4 agents with 2.5 cpus, \\d+ MB and 150 ports each$",
        ),
      ),
      `  Redis   Redis 7.0.15 (${directory()}/bin/redis-server), ports 6380-6979`,
      `  Proxy   127.0.0.1, ports 20000-29999; metrics at http://127.0.0.1:${ports.proxy}/metrics`,
      `  Data    ${dataDir()}`,
      `  Logs    ${dataDir()}/log/scheduler.log`,
      `          ${dataDir()}/log/local.log`,
      `          ${dataDir()}/log/proxy.log`,
      "",
      "In a second terminal:",
      `  export MRR_ENDPOINT=http://127.0.0.1:${ports.http}`,
      "  npx mrr create -n inst -m 200 -s 1 -w",
      "  npx mrr status -n inst",
      "  npx mrr connection -n inst",
      "  redis-cli -p <its port, always the same> set foo bar",
      "  npx mrr delete -n inst",
      "",
      "Ctrl-C ends everything.",
      "",
    ]);
    expect(program.stderr).toBe("");

    program.interrupt();
    expect(await program.exited).toEqual({ code: 0, signal: null });
    const order = happened().map(({ role, what }) => `${role} ${what.split(" ")[0]}`);
    expect(order.filter((what) => !what.startsWith("proxy"))).toEqual([
      "local start",
      "scheduler start",
      "scheduler SIGTERM",
      "local SIGTERM",
    ]);
    expect([order[2], order.indexOf("proxy SIGTERM") < order.indexOf("local SIGTERM")]).toEqual([
      "proxy start",
      true,
    ]);
    expect([livingPids(), existsSync(join(dataDir(), "up.lock"))]).toEqual([[], false]);
  });

  test("what the programs are started with", async () => {
    const program = await up([
      ...portWords(),
      "-agent-memory=700",
      "--ports",
      "7000-7002",
      "--agent-cpus=3",
    ]);
    await ready(program);
    expect(happened().map(({ what }) => what)).toEqual([
      `start --port ${ports.mesos} --agents 3 --agent-cpus 3 --agent-memory 700 ` +
        `--ports 7000-7002 --work-dir ${dataDir()}/agents --exit-with-parent`,
      `start -config=${dataDir()}/scheduler.json --exit-with-parent`,
      `start --scheduler http://127.0.0.1:${ports.http} --bind 127.0.0.1 --plane userspace ` +
        `--http-port ${ports.proxy} --state ${dataDir()}/proxy.json --exit-with-parent`,
    ]);
    expect(JSON.parse(readFileSync(join(dataDir(), "scheduler.json"), "utf8"))).toEqual({
      UserName: "",
      DBType: "embedded",
      DataDir: `${dataDir()}/store`,
      SecretKeyFile: `${dataDir()}/secrets.key`,
      Master: `127.0.0.1:${ports.mesos}`,
      ArtifactIP: "127.0.0.1",
      ArtifactPort: String(ports.artifact),
      HTTPBind: "127.0.0.1",
      HTTPPort: String(ports.http),
      NodePath: process.execPath,
      RedisPath: `${directory()}/bin/redis-server`,
    });
    for (const { pid } of happened()) {
      const variables = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
      // HOST would move the artifact server away from loopback.
      expect(variables.filter((line) => /^(HOST|npm_\w+)=/.test(line))).toEqual([]);
    }
    await program.stop();
  });

  test("a configuration file is merged; its ports count where no flag does", async () => {
    const file = join(directory(), "my.json");
    const { http, artifact, mesos } = ports;
    writeFileSync(
      file,
      JSON.stringify({ httpport: http, RedisCpus: "0.2", Master: "h:1", Colour: "red" }),
    );
    const program = await up([
      "--config",
      "my.json",
      "--artifact-port",
      String(artifact),
      "--mesos-port",
      String(mesos),
      "--no-proxy",
    ]);
    await ready(program);
    expect([starts("proxy"), program.stdout.includes("Proxy")]).toEqual([[], false]);
    const config = JSON.parse(readFileSync(join(dataDir(), "scheduler.json"), "utf8"));
    expect(config).toMatchObject({
      HTTPPort: http,
      RedisCpus: "0.2",
      Master: `127.0.0.1:${mesos}`,
      ArtifactPort: String(artifact),
    });
    expect(program.stderr).toBe(
      "Note: Colour is not known.\n" +
        `Note: Master has no effect: mrr up starts its own at 127.0.0.1:${mesos}.\n`,
    );
    await program.stop();
  });

  test("another store: its keys in the configuration, its password with the scheduler alone", async () => {
    const password = "not-in-any-file";
    const words = ["--store", "etcd", "--store-endpoint=h1:1,h2:2", "--store-user", "mrr"];
    const env = { ...environment(), MRR_DB_PASSWORD: password };
    const program = await up([...portWords(), ...words], env);
    await ready(program);
    expect(program.stdout).toContain("  Store   etcd at http://h1:1,http://h2:2\n");
    const text = readFileSync(join(dataDir(), "scheduler.json"), "utf8");
    expect(JSON.parse(text)).toMatchObject({
      DBType: "etcd",
      DBEndPoint: "h1:1,h2:2",
      DBUser: "mrr",
    });
    const holders = (["local", "scheduler", "proxy"] as const)
      .flatMap((role) => starts(role))
      .filter(({ pid }) => readFileSync(`/proc/${pid}/environ`, "utf8").includes(password));
    expect(holders.map(({ role }) => role)).toEqual(["scheduler"]);
    for (const { pid } of [...holders, program]) {
      expect(readFileSync(`/proc/${pid}/cmdline`, "utf8")).not.toContain(password);
    }
    await program.stop();
    expect(text + program.log).not.toContain(password);
  });

  test("as long as the scheduler waits for its store, the reason is told", async () => {
    behave({ scheduler: { unreadyBecause: "the store does not answer for 1 s" } });
    const program = await up();
    await until(() => program.stderr !== "", { what: "the reason" });
    expect([program.stderr, program.stdout]).toEqual([
      "Waiting for the scheduler: the store does not answer for 1 s\n",
      "",
    ]);
    behave({});
    await ready(program);
    expect(starts("scheduler")).toHaveLength(1);
    await program.stop();
  });

  test("ports of the proxy, and what else goes to the programs", async () => {
    writeFileSync(join(directory(), "state"), "of the last run");
    await mkdir(dataDir(), { recursive: true });
    renameSync(join(directory(), "state"), join(dataDir(), "proxy.json"));
    const program = await up([...portWords(), "--proxy-ports", "9000-9099", "--new-framework"]);
    await ready(program);
    expect(program.stdout).toContain("  Proxy   127.0.0.1, ports 9000-9099; ");
    expect(JSON.parse(readFileSync(join(dataDir(), "scheduler.json"), "utf8"))).toMatchObject({
      ProxyPorts: "9000-9099",
    });
    expect(starts("scheduler").map(({ what }) => what)).toEqual([
      `start -config=${dataDir()}/scheduler.json -new-framework --exit-with-parent`,
    ]);
    expect(existsSync(join(dataDir(), "proxy.json"))).toBe(false);
    await program.stop();
  });

  test("a proxy that dies is started again; the others go on", async () => {
    const program = await up();
    await ready(program);
    const [first] = starts("proxy");
    signalProcess(first?.pid ?? 0, "SIGKILL");
    await until(() => program.stderr.includes("mrr-proxy is back"), { what: "another proxy" });
    expect([starts("proxy").length, starts("scheduler").length, starts("local").length]).toEqual([
      2, 1, 1,
    ]);
    await program.stop();
  });

  test("instances of the last run are named, and that they are new and empty", async () => {
    const instances = [
      instanceJson({ name: "cache" }),
      instanceJson({ name: "gone", status: "DELETED" }),
      instanceJson({ name: "set", status: "DEGRADED" }),
    ];
    behave({ scheduler: { instances } });
    const program = await up();
    await ready(program);
    expect(program.stdout).toContain(
      "2 instances go on from the last run (cache, set): their Redis processes are new and empty.\n",
    );
    await program.stop();
  });

  test("the output of the programs is in the log files, with their starts and ends", async () => {
    behave({ local: { lines: ["from local"] }, scheduler: { lines: ["from scheduler"] } });
    const program = await up();
    await ready(program);
    await program.stop();
    for (const name of ["local", "scheduler"] as const) {
      const lines = readFileSync(join(dataDir(), "log", `${name}.log`), "utf8").split("\n");
      expect(lines).toEqual([
        expect.stringMatching(new RegExp(`^--- \\S+Z mrr-${name} starts: `)),
        `from ${name}`,
        '{"level":"info","msg":"ready"}',
        expect.stringMatching(new RegExp(`^--- \\S+Z mrr-${name} ended: exit code 0$`)),
        "",
      ]);
    }
  });

  test("a Valkey will do where there is no redis-server", async () => {
    await mkdir(join(directory(), "valkey"));
    symlinkSync("/bin/sh", join(directory(), "valkey/sh"));
    const file = join(directory(), "valkey/valkey-server");
    writeFileSync(file, '#!/bin/sh\necho "Valkey server v=8.0.1 sha=0:0 malloc=libc bits=64"\n');
    chmodSync(file, 0o755);
    const env = { ...environment(), PATH: join(directory(), "valkey") };
    const program = await up(portWords(), env);
    await ready(program);
    expect(program.stdout).toContain(`Valkey 8.0.1 (${file})`);
    await program.stop();
  });
});

describe("a start that cannot go well leaves nothing", () => {
  afterEach(() => {
    expect([livingPids(), existsSync(join(dataDir(), "up.lock"))]).toEqual([[], false]);
  });

  test("taken ports: all of them, with option, key and remedy", async () => {
    const strangers = await Promise.all([listen(ports.http), listen(ports.artifact)]);
    const { code, stderr } = await failing();
    await Promise.all(strangers.map(closeServer));
    expect([code, stderr.split("\n")[0]]).toEqual([
      8,
      `Error: port ${ports.http} (--http-port, HTTPPort) is taken by another program: choose another ` +
        `with --http-port; port ${ports.artifact} (--artifact-port, ArtifactPort) is taken by another ` +
        "program: choose another with --artifact-port",
    ]);
    expect(happened()).toEqual([]);
  });

  test("a configuration with several wrong values: all at once, even behind a flag", async () => {
    const file = join(directory(), "my.json");
    writeFileSync(file, '{"HTTPPort": "many", "ArtifactPort": "123456", "DBType": "mongodb"}');
    const { code, stderr } = await failing([...portWords(), "--config", file]);
    expect(code).toBe(2);
    for (const text of [file, "HTTPPort", "ArtifactPort", "DBType"]) expect(stderr).toContain(text);
  });

  test.each([
    ["no file", null, "cannot be read (ENOENT)"],
    ["no JSON", "{ not", "is no JSON"],
    ["no object", "[]", "must be a JSON object"],
    ["a port of 0", '{"HTTPPort": 0}', "HTTPPort must not be 0 with mrr up"],
  ])("a configuration that is %s", async (_what, content, text) => {
    const file = join(directory(), "my.json");
    if (content !== null) writeFileSync(file, content);
    const { code, stderr } = await failing(["--config", file]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(text)]);
    expect(stderr).toContain(file);
  });

  test.each([
    [["--store", "etcd"], "--store-endpoint is needed with --store etcd"],
    [["--store", "redis"], "It takes embedded, etcd or zookeeper."],
    [["--store-endpoint", "h:1"], "--store-endpoint needs --store etcd or --store zookeeper"],
  ])("%j", async (words, text) => {
    const { code, stderr } = await failing([...portWords(), ...words]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(text)]);
  });

  test("no redis-server", async () => {
    const env = { ...environment(), PATH: "/nowhere" };
    const { code, stderr } = await failing(portWords(), env);
    expect([code, stderr.split("\n")[0]]).toEqual([
      9,
      expect.stringMatching(/^Error: no redis-server is found on PATH; install it: \S/),
    ]);
  });

  test("a RedisPath that leads nowhere", async () => {
    const file = join(directory(), "my.json");
    writeFileSync(file, '{"RedisPath": "/nowhere/redis-server"}');
    const { code, stderr } = await failing([...portWords(), "--config", file]);
    expect([code, stderr]).toEqual([
      9,
      expect.stringContaining("/nowhere/redis-server (RedisPath)"),
    ]);
  });

  test.each([
    ["Redis server v=5.0.7 sha=0:0", "is Redis 5.0.7; 6.2 or later, or Valkey, is needed"],
    ["Redis server v=6.0.16 sha=0:0", "is Redis 6.0.16; 6.2 or later"],
    ["something else", "does not answer --version like a redis-server"],
  ])("a redis-server that says %s", async (version, text) => {
    fakeRedis(version);
    const { code, stderr } = await failing();
    expect([code, stderr]).toEqual([9, expect.stringContaining(text)]);
  });

  test("options that do not fit together", async () => {
    const { code, stderr } = await failing([
      "--ports",
      "5050-5051",
      "--http-port",
      "5050",
      "--agents=3",
    ]);
    expect([code, stderr.split("\n")[0]]).toEqual([
      2,
      "Error: --ports has 2 ports for 3 agents; --mesos-port 5050 lies within --ports; " +
        "--http-port (HTTPPort) 5050 lies within --ports; " +
        "--http-port (HTTPPort) is 5050, as is --mesos-port",
    ]);
  });

  test("a data directory that is a file", async () => {
    writeFileSync(dataDir(), "");
    const { code, stderr } = await failing();
    expect([code, stderr]).toEqual([2, expect.stringContaining(`${dataDir()} (--data-dir)`)]);
  });

  test("a scheduler that refuses to start: its exit code, its last lines, where to read on", async () => {
    const lines = [
      "plain words",
      JSON.stringify({ level: "fatal", time: 1, msg: "store cannot be read", key: "a\u001bb" }),
    ];
    behave({ scheduler: { exitCode: 2, lines } });
    const { code, stderr } = await failing();
    expect([code, stderr]).toEqual([
      2,
      "Error: mrr-scheduler does not start (exit code 2).\n" +
        "  | plain words\n" +
        '  | fatal: store cannot be read {"key":"a\\u001bb"}\n' +
        `       Configuration: ${dataDir()}/scheduler.json\n` +
        `       Log: ${dataDir()}/log/scheduler.log\n` +
        "Ending everything; a second Ctrl-C does not wait.\n",
    ]);
    expect(happened().map(({ role, what }) => `${role} ${what.split(" ")[0]}`)).toEqual([
      "local start",
      "scheduler start",
      "local SIGTERM",
    ]);
  });

  test("a Ctrl-C while the scheduler has no leader yet", async () => {
    behave({ scheduler: { unreadyBecause: "no leader yet" } });
    const program = await up();
    await until(() => starts("scheduler").length === 1, { what: "the start of mrr-scheduler" });
    program.interrupt();
    expect(await program.exited).toEqual({ code: 0, signal: null });
    expect(program.stdout).toBe("");
  });

  test("a Ctrl-C before anything is ready", async () => {
    behave({ local: { isNeverReady: true } });
    const program = await up();
    await until(() => starts("local").length === 1, { what: "the start of mrr-local" });
    program.interrupt();
    expect(await program.exited).toEqual({ code: 0, signal: null });
    expect(starts("scheduler")).toEqual([]);
  });
});

describe("while it runs", () => {
  test("a program that dies is started again, and said to be back", async () => {
    const program = await up();
    await ready(program);
    for (const role of ["scheduler", "local"] as const) {
      const [first] = starts(role);
      signalProcess(first?.pid ?? 0, "SIGKILL");
      await eventually(() => {
        expect(program.stderr).toContain(`mrr-${role} is back after `);
      });
      expect(program.stderr).toContain(
        `mrr-${role} ended (signal SIGKILL); it is started again in 200 ms (1 of 6).\n`,
      );
      const [, second] = starts(role);
      expect([starts(role).length, isAlive(second?.pid ?? 0)]).toEqual([2, true]);
    }
    program.interrupt();
    expect(await program.exited).toEqual({ code: 0, signal: null });
    expect(livingPids()).toEqual([]);
  });

  test("one data directory has one: the second is refused and disturbs nothing", async () => {
    const program = await up();
    await ready(program);
    const before = happened();
    const second = await failing(["--http-port", "1", "--mesos-port", "2", "--artifact-port", "3"]);
    expect([second.code, second.stderr.split("\n")[0]]).toEqual([
      5,
      `Error: ${dataDir()} is used by another mrr up (process ${program.pid}): ` +
        "stop it, or choose another --data-dir",
    ]);
    expect(happened()).toEqual(before);
    await program.stop();
  });
});

describe("its end", () => {
  test("kill -9: the programs end by themselves; the next start takes over", async () => {
    const program = await up();
    await ready(program);
    program.signal("SIGKILL");
    await program.exited;
    await until(() => livingPids().length === 0, { deadlineMs: 15_000, what: "the programs' end" });
    expect(existsSync(join(dataDir(), "up.lock"))).toBe(true);

    const second = await up();
    await ready(second);
    expect(second.stderr).toBe("The last run was killed; what it left is cleaned up.\n");
    await second.stop();
  });

  test("kill -9, and programs that do not end: the next start ends them", async () => {
    behave({ scheduler: { isStubborn: true } });
    const program = await up();
    await ready(program);
    program.signal("SIGKILL");
    await program.exited;
    const [stubborn] = starts("scheduler");
    await until(() => livingPids().length === 1, { deadlineMs: 15_000, what: "the end of local" });
    expect(isAlive(stubborn?.pid ?? 0)).toBe(true);

    behave({});
    const second = await up();
    await second.waitFor(
      () => {
        if (!second.stdout.includes("mr-redis is ready")) throw new Error("not ready");
      },
      { deadlineMs: 30_000, what: "ready" },
    );
    expect(second.stderr).toBe(
      "The last run was killed; what it left is cleaned up.\n" +
        `Ended processes of the last run: ${stubborn?.pid}.\n`,
    );
    expect(isAlive(stubborn?.pid ?? 0)).toBe(false);
    await second.stop();
  });

  test("a second Ctrl-C does not wait; the same press that comes twice is one", async () => {
    behave({ scheduler: { isStubborn: true } });
    const program = await up();
    await ready(program);
    const startMs = performance.now();
    program.interrupt();
    program.signal("SIGTERM");
    await until(() => happened().some(({ what }) => what === "SIGTERM"), { what: "SIGTERM" });
    // Later than one press of npm, the start script and the terminal together.
    await until(() => performance.now() - startMs > 700, { what: "another press" });
    expect(program.exit).toBe(null);
    program.interrupt();
    expect(await program.exited).toEqual({ code: 0, signal: null });
    // Else it says that the scheduler does not end in time.
    expect(program.stderr).toBe("Ending everything; a second Ctrl-C does not wait.\n");
    expect(livingPids()).toEqual([]);
  });

  test("with --exit-with-parent it ends when its standard input does", async () => {
    const child = spawn(
      process.execPath,
      [main(), "up", "--data-dir", dataDir(), ...portWords(), "--exit-with-parent"],
      { env: environment(), stdio: ["pipe", "pipe", "ignore"] },
    );
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    const exited = new Promise((resolve) => {
      child.once("exit", (code) => resolve(code));
    });
    await until(() => said.includes("mr-redis is ready"), { what: "ready" });
    expect(child.exitCode).toBe(null);
    child.stdin.end();
    expect([await exited, livingPids()]).toEqual([0, []]);
  });

  /** A project in which npx finds `mrr`. */
  async function npmProject(): Promise<string> {
    const project = join(directory(), "project");
    await mkdir(join(project, "node_modules/.bin"), { recursive: true });
    const words = ["up", "--data-dir", dataDir(), ...portWords()].join(" ");
    const scripts = { up: `mrr ${words}`, both: `mrr ${words}; true` };
    writeFileSync(join(project, "package.json"), JSON.stringify({ type: "module", scripts }));
    const link = join(project, "node_modules/.bin/mrr");
    writeFileSync(link, `#!${process.execPath}\nawait import(${JSON.stringify(main())});\n`);
    chmodSync(link, 0o755);
    return project;
  }

  test.each([
    ["SIGTERM", "npx --no-install mrr"],
    ["SIGKILL", "npx --no-install mrr"],
    ["SIGTERM", "npm run up"],
    ["SIGTERM", "npm run both"],
  ] as const)("%s of the `%s` that runs it ends everything", async (signal, line) => {
    const [command = "", ...words] = line.split(" ");
    const upWords = ["up", "--data-dir", dataDir(), ...portWords()];
    const npm = await launch({
      command,
      args: command === "npx" ? [...words, ...upWords] : words,
      env: { ...environment(), PATH: `${join(directory(), "bin")}:${process.env.PATH}` },
      cwd: await npmProject(),
    });
    await npm.waitFor(
      () => {
        if (!npm.stdout.includes("mr-redis is ready")) throw new Error("not ready");
      },
      { deadlineMs: 30_000, what: "ready" },
    );
    npm.signal(signal);
    await npm.exited;
    await until(() => !existsSync(join(dataDir(), "up.lock")), { what: "the end of mrr up" });
    expect(livingPids()).toEqual([]);
    expect(
      happened()
        .filter(({ role }) => role !== "proxy")
        .slice(-2),
    ).toMatchObject([
      { role: "scheduler", what: "SIGTERM" },
      { role: "local", what: "SIGTERM" },
    ]);
  });

  test("started otherwise, it outlives its parent", async () => {
    const shell = await launch({
      command: "/bin/sh",
      args: [
        "-c",
        // As nohup and setsid leave it behind: nothing of its parent is left.
        `"$@" > said 2>&1 & echo $!; wait`,
        "sh",
        process.execPath,
        main(),
        "up",
        "--data-dir",
        dataDir(),
        ...portWords(),
      ],
      env: environment(),
      cwd: directory(),
    });
    const said = (): string => readFileSync(join(directory(), "said"), "utf8");
    await until(() => existsSync(join(directory(), "said")) && said().includes("is ready"), {
      what: "ready",
    });
    shell.signal("SIGKILL");
    await shell.exited;
    // Two looks at the parent are enough to notice, if it did look.
    const endMs = performance.now() + 1_200;
    await until(() => performance.now() > endMs, { what: "two looks" });
    const pid = Number(shell.stdout);
    expect([isAlive(pid), livingPids().length]).toEqual([true, 3]);
    signalProcess(pid, "SIGTERM");
    await until(() => !isAlive(pid), { what: "its end" });
  });

  test("the scheduler's end first, even when both had to be killed", async () => {
    const program = await up();
    await ready(program);
    await program.stop();
    expect(
      happened()
        .filter(({ role }) => role !== "proxy")
        .slice(-2),
    ).toMatchObject([
      { role: "scheduler", what: "SIGTERM" },
      { role: "local", what: "SIGTERM" },
    ]);
  });
});
