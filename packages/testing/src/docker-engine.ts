/**
 * Owns a Docker engine for tests: a dockerd of their own on its own socket, with its data in a temporary folder, and images made
 * of this machine's files, so that nothing is fetched from anywhere. Not: what runs in containers. Linux, as root.
 * Called by the tests of container runtimes and of images.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { launch, type Program, type RunResult, run } from "./launch.js";
import { findProcesses, signalProcess, sweepProcesses } from "./processes.js";
import { requireProgram } from "./servers/etcd.js";

/** Longest wait until an engine answers: half a second on an idle machine. */
const startMs = 30_000;

/** Longest wait for an engine to end by itself; it ends its containers first. */
const stopMs = 15_000;

/** Longest wait for one command, unless another limit is asked for: an import of a hundred megabytes takes some seconds. */
const commandMs = 120_000;

/** What an image is made of. */
export interface ImageParts {
  /** Programs and other files of this machine, by absolute path or by name on the PATH; with the libraries that they load. */
  readonly files: readonly string[];
  /** Instructions as in a Dockerfile: `ENTRYPOINT ["/usr/bin/redis-server"]`. */
  readonly changes?: readonly string[];
}

/** A running engine. Its containers have the network of the host or none: it makes no bridge and no rules of a firewall. */
export interface DockerEngine {
  /** Its data, its socket, its log; all processes of it name this path. */
  readonly directory: string;
  /** Path of its socket. */
  readonly socket: string;
  /** `unix://` and that path, as DOCKER_HOST wants it. */
  readonly host: string;
  /** Runs the docker command against it; rejects unless that exits with 0. Ends after two minutes unless told otherwise. */
  docker(args: readonly string[], options?: { readonly deadlineMs?: number }): Promise<RunResult>;
  /** Makes an image of files of this machine. */
  importImage(tag: string, parts: ImageParts): Promise<void>;
  /** Ids of all its containers, those that have ended too. */
  containers(): Promise<string[]>;
  /** Ends it and all its containers, and removes its data. */
  stop(): Promise<void>;
}

/** Programs and where Debian has them. */
const programs = [
  ["dockerd", "docker.io"],
  ["docker", "docker.io"],
  ["ldd", "libc-bin"],
] as const;

/**
 * Starts an engine and waits until it answers. Rejects, saying why, where none can start.
 * It needs root, and a kernel that lets it make mounts and control groups.
 */
export async function startDockerEngine(): Promise<DockerEngine> {
  for (const [program, debianPackage] of programs) requireProgram(program, debianPackage);
  if (process.getuid?.() !== 0) throw new Error("a Docker engine needs root");
  const directory = mkdtempSync(join(tmpdir(), "mrr-docker-"));
  removeAtExit(directory);
  const socket = join(directory, "docker.sock");
  const host = `unix://${socket}`;
  const docker = (args: readonly string[], deadlineMs = commandMs): Promise<RunResult> =>
    run({ command: "docker", args: ["-H", host, ...args], env: clientEnvironment(), deadlineMs });
  let daemon: Program;
  try {
    daemon = await launchDaemon(directory, host);
    const answers = async (): Promise<void> => {
      const { exitCode, stderr } = await docker(["version"], 5_000);
      if (exitCode !== 0) throw new Error(stderr);
    };
    await daemon.waitFor(answers, { what: "dockerd answers", deadlineMs: startMs });
  } catch (error) {
    await removeEngine(directory);
    throw error;
  }
  const succeed = async (args: readonly string[], deadlineMs?: number): Promise<RunResult> => {
    const result = await docker(args, deadlineMs);
    if (result.exitCode === 0) return result;
    const said = result.stdout.slice(-2_000) + result.stderr;
    throw new Error(`docker ${args.join(" ")}: ${result.exitCode}: ${said}`);
  };
  const containers = async (): Promise<string[]> =>
    (await succeed(["ps", "--all", "--quiet", "--no-trunc"])).stdout.split("\n").filter(Boolean);
  return {
    directory,
    socket,
    host,
    docker: (args, options = {}) => succeed(args, options.deadlineMs),
    containers,
    importImage: async (tag, { files, changes = [] }) => {
      const archive = await archiveOf(directory, files);
      const flags = changes.flatMap((change) => ["--change", change]);
      await succeed(["import", ...flags, archive, tag]);
      rmSync(archive);
    },
    stop: async () => {
      const left = await containers().catch(() => []);
      if (left.length > 0) await docker(["rm", "--force", ...left]);
      await daemon.stop(stopMs);
      await removeEngine(directory);
    },
  };
}

/**
 * As {@link startDockerEngine}; null, and a line that nobody overlooks, where no engine can start. With `docker` in
 * MRR_REQUIRE it rejects then.
 */
export async function tryDockerEngine(what: string): Promise<DockerEngine | null> {
  try {
    return await startDockerEngine();
  } catch (error) {
    if ((process.env.MRR_REQUIRE ?? "").split(",").includes("docker")) throw error;
    const why = error instanceof Error ? error.message : String(error);
    process.stdout.write(`\n*** SKIPPED: ${what}: no Docker engine starts here: ${why}\n\n`);
    return null;
  }
}

/** Without what a person has set for engines of their own; images are built by the engine itself, which has no buildx. */
function clientEnvironment(): NodeJS.ProcessEnv {
  const { PATH } = process.env;
  return { PATH, HOME: "/nonexistent", DOCKER_BUILDKIT: "0" };
}

function launchDaemon(directory: string, host: string): Promise<Program> {
  const flags = [
    ...["--data-root", join(directory, "data"), "--exec-root", join(directory, "exec")],
    ...["--pidfile", join(directory, "pid"), "--host", host, "--bridge=none"],
    ...["--iptables=false", "--ip6tables=false", "--ip-forward=false"],
  ];
  // TERM and not KILL when this process dies: an engine that is killed leaves its containers.
  const args = ["--pdeathsig", "TERM", "dockerd", ...flags];
  const { PATH } = process.env;
  return launch({ command: "setpriv", args, env: { PATH } });
}

/** Directories of engines of this process. */
const engines = new Set<string>();

function removeAtExit(directory: string): void {
  if (engines.size === 0) {
    process.on("exit", () => {
      for (const each of engines) {
        for (const { pid } of findProcesses(each)) signalProcess(pid, "SIGKILL");
        unmountBelow(each);
      }
    });
  }
  engines.add(directory);
}

async function removeEngine(directory: string): Promise<void> {
  await sweepProcesses(directory);
  unmountBelow(directory);
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  engines.delete(directory);
}

/** What an engine that was killed leaves mounted; deepest first. */
function unmountBelow(directory: string): void {
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((path) => path.startsWith(`${directory}/`));
  for (const path of mounts.reverse()) spawnSync("umount", ["--lazy", path]);
}

/** The directories of a root file system; the others are links into /usr, as Debian has them. */
const directories = [
  ...["dev", "etc", "opt", "proc", "root", "run", "sys", "tmp", "usr/local/bin", "var/lib"],
];
const links = ["bin", "sbin", "lib", "lib64"];

/** Writes an archive of a root file system that has these files, what they load, and some users. */
async function archiveOf(directory: string, files: readonly string[]): Promise<string> {
  const root = mkdtempSync(join(directory, "root-"));
  for (const name of directories) mkdirSync(join(root, name), { recursive: true });
  for (const name of links) {
    mkdirSync(join(root, "usr", name));
    symlinkSync(`usr/${name}`, join(root, name));
  }
  await chmod(join(root, "tmp"), 0o1777);
  const users = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/sh\n";
  await writeFile(join(root, "etc/passwd"), users);
  await writeFile(join(root, "etc/group"), "root:x:0:\nnogroup:x:65534:\n");
  const copied = new Set<string>();
  for (const name of files) {
    const file = pathOf(name);
    for (const each of [file, ...librariesOf(file)]) {
      if (copied.has(each)) continue;
      copied.add(each);
      mkdirSync(dirname(join(root, each)), { recursive: true });
      copyFileSync(each, join(root, each));
    }
  }
  const archive = `${root}.tar`;
  const { exitCode, stderr } = await run({
    command: "tar",
    args: ["-C", root, "--owner=0", "--group=0", "-cf", archive, "."],
    deadlineMs: commandMs,
  });
  if (exitCode !== 0) throw new Error(`tar: ${stderr}`);
  rmSync(root, { recursive: true });
  return archive;
}

function pathOf(name: string): string {
  if (name.startsWith("/")) return name;
  const folders = (process.env.PATH ?? "").split(delimiter);
  const found = spawnSync("which", [name], { env: { PATH: folders.join(delimiter) } });
  if (found.status !== 0) throw new Error(`${name} is not on the PATH`);
  return String(found.stdout).trim();
}

/** The dynamic loader and the libraries of a program; none for a file that is no program. */
function librariesOf(file: string): string[] {
  const { status, stdout } = spawnSync("ldd", [file], { encoding: "utf8" });
  if (status !== 0) return [];
  return stdout.split("\n").flatMap((line) => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1] ?? []);
}
