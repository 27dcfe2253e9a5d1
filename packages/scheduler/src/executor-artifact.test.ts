/**
 * Tests executor-artifact.ts and artifact/inspect.ts: what is served for each way to run an executor, and the ExecutorInfo
 * that is sent, to the byte.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Config, parseConfig } from "@mr-redis/core";
import { createWireCodec, type ExecutorInfo, wireContentTypes } from "@mr-redis/mesos";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inspectFile } from "./artifact/inspect.js";
import { executorOf, loadExecutorArtifact } from "./executor-artifact.js";
import { createLog } from "./log.js";

const fuse = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:";

let directory = "";
const inDirectory = (name: string): string => join(directory, name);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "mrr-executor-"));
  await writeFile(inDirectory("my executor"), "program");
  await writeFile(inDirectory("release.tar.gz"), "archive");
  await writeFile(inDirectory("valkey-server"), "redis");
  await writeFile(inDirectory("MrRedisExecutor"), "a program of 2016");
});

afterAll(() => rm(directory, { recursive: true, force: true }));

function configOf(keys: Record<string, unknown>): Config {
  const parsed = parseConfig({ DBType: "memory", ...keys }, {});
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value.config;
}

async function load(keys: Record<string, unknown>) {
  const lines: string[] = [];
  const destination = { write: (line: string) => lines.push(line) };
  const log = createLog({ program: "test", level: "warn", destination });
  const config = configOf(keys);
  const artifact = await loadExecutorArtifact(config, log);
  const address = { host: "10.0.0.9", port: 5454 };
  return { artifact, lines, info: executorOf(config, { artifact, ca: null }, address) };
}

/** What differs between the ways: the command, the URIs, the container, where redis-server is. */
const essence = ({ command, container }: ExecutorInfo) => ({
  command: command?.value,
  uris: command?.uris,
  redis: command?.environment?.variables?.find(({ name }) => name === "MRR_REDIS_SERVER")?.value,
  container,
});

const uri = (name: string, flags: object) => ({
  value: `http://10.0.0.9:5454/${name}`,
  executable: false,
  extract: false,
  ...flags,
  cache: true,
});

describe("what agents fetch and start", () => {
  test("a program, under a name that changes with it", async () => {
    const { info } = await load({ ExecutorPath: inDirectory("my executor") });
    expect(essence(info)).toEqual({
      command: "exec ./my-executor.1310ca2c8932",
      uris: [uri("my-executor.1310ca2c8932", { executable: true })],
      redis: "redis-server",
      container: undefined,
    });
  });

  test("an archive, unpacked there; the node beside it may be missing", async () => {
    const { info } = await load({
      ExecutorPath: inDirectory("release.tar.gz"),
      NodePath: "/opt/my node",
    });
    expect(essence(info)).toEqual({
      command: "export NODE='/opt/my node'; exec ./mr-redis-executor/mr-redis-executor",
      uris: [uri("mr-redis-executor.0eb3e36bfb24.tar.gz", { extract: true })],
      redis: "redis-server",
      container: undefined,
    });
  });

  test("a redis-server beside the program", async () => {
    const { info } = await load({
      ExecutorPath: inDirectory("my executor"),
      RedisServerFile: inDirectory("valkey-server"),
    });
    expect(essence(info)).toEqual({
      command:
        'export MRR_REDIS_SERVER="$PWD/redis-server.34fb46c847bb"; exec ./my-executor.1310ca2c8932',
      uris: [
        uri("my-executor.1310ca2c8932", { executable: true }),
        uri("redis-server.34fb46c847bb", { executable: true }),
      ],
      redis: undefined,
      container: undefined,
    });
  });

  test.each(["MrRedisExecutor", "missing/MrRedisExecutor"])(
    "the shipped one, with a warning, where %s is not ours",
    async (name) => {
      const loaded = await load({ ExecutorPath: inDirectory(name) }).catch(
        (error: unknown) => error,
      );
      // Without a build there is none; what is judged here is that the configured one is not taken.
      if (loaded instanceof Error) {
        expect(loaded.message).toMatch(/cannot be read: run `npm run build`$/);
        return;
      }
      const { artifact, lines } = loaded as Awaited<ReturnType<typeof load>>;
      expect(artifact.command).toMatch(
        /^exec node --max-semi-space-size=2 \.\/mr-redis-executor\.[0-9a-f]{12}\.cjs$/,
      );
      expect(lines.join("")).toContain("the ancestor's executor");
    },
  );

  test("MrRedisExecutor, where it is a node with a program in it", async () => {
    const path = inDirectory("single");
    await writeFile(path, `node ${fuse}0`);
    expect((await inspectFile(path)).isSingleExecutable).toBe(false);
    // Wherever a chunk ends.
    for (const before of [0, 1024 * 1024 - 20, 2 * 1024 * 1024 - 1]) {
      await writeFile(path, Buffer.concat([Buffer.alloc(before), Buffer.from(`${fuse}1`)]));
      expect((await inspectFile(path)).isSingleExecutable).toBe(true);
    }
  });

  test("a file that is not there is named with its key", async () => {
    await expect(load({ ExecutorPath: "/nonexistent/x" })).rejects.toThrow(
      "the executor /nonexistent/x cannot be read: correct ExecutorPath",
    );
    const keys = { ExecutorPath: inDirectory("my executor"), RedisServerFile: "/nonexistent/r" };
    await expect(load(keys)).rejects.toThrow(
      "the redis-server /nonexistent/r cannot be read: correct RedisServerFile",
    );
  });
});

describe("an image", () => {
  const image = "registry.example:5000/redis/mr-redis-executor@sha256:0a";
  const command = 'cd "$MESOS_SANDBOX" && exec mr-redis-executor';

  test("of Mesos' own containerizer", async () => {
    const { info } = await load({ ExecutorImage: image });
    const container = {
      type: "MESOS",
      mesos: { image: { type: "DOCKER", docker: { name: image } } },
    };
    expect(essence(info)).toEqual({ command, uris: [], redis: "redis-server", container });
  });

  test("of docker, on the network of the host", async () => {
    const { info } = await load({ ExecutorImage: image, ExecutorContainer: "docker" });
    const container = { type: "DOCKER", docker: { image, network: "HOST" } };
    expect(essence(info)).toEqual({ command, uris: [], redis: "redis-server", container });
  });

  /** A field of a protobuf message: its number, and bytes, a text or a small number. */
  const field = (number: number, value: Buffer | string | number): Buffer => {
    if (typeof value === "number") return Buffer.from([number << 3, value]);
    const bytes = Buffer.from(value);
    const length =
      bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, bytes.length >> 7];
    return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), bytes]);
  };
  const bytesOf = (info: ExecutorInfo): Buffer =>
    Buffer.from(createWireCodec(wireContentTypes.protobuf).encode("ExecutorInfo", info));

  // Numbers of fields and enums: mesos.proto of the v1 API.
  test("is sent as Mesos reads it", async () => {
    const mesos = (await load({ ExecutorImage: image })).info;
    const inImage = Buffer.concat([field(1, 2), field(3, field(1, image))]);
    const ofMesos = Buffer.concat([field(1, 2), field(5, field(1, inImage))]);
    expect(bytesOf(mesos).includes(field(11, ofMesos))).toBe(true);

    const docker = (await load({ ExecutorImage: image, ExecutorContainer: "docker" })).info;
    const ofDocker = Buffer.concat([
      field(1, 1),
      field(3, Buffer.concat([field(1, image), field(2, 1)])),
    ]);
    expect(bytesOf(docker).includes(field(11, ofDocker))).toBe(true);

    const { container: _container, ...plain } = docker;
    const rest = bytesOf(plain);
    expect(bytesOf(docker).length).toBe(rest.length + field(11, ofDocker).length);
    expect(rest.includes(image)).toBe(false);
  });

  test("is another executor, and none of a plain process", async () => {
    const ids = await Promise.all(
      [
        { ExecutorImage: image },
        { ExecutorImage: image, ExecutorContainer: "docker" },
        { ExecutorImage: `${image}1` },
        { ExecutorPath: inDirectory("my executor") },
      ].map(async (keys) => (await load(keys)).info.executor_id.value),
    );
    expect(new Set(ids).size).toBe(4);
  });
});

test("executors hear of RedisTLSDirectory where there is one, and are the same ones as ever where there is none", async () => {
  const variables = async (keys: Record<string, unknown>) =>
    (await load(keys)).info.command?.environment?.variables?.filter(({ name }) =>
      name.includes("TLS"),
    );
  expect(await variables({})).toEqual([]);
  expect(await variables({ RedisTLSDirectory: "/etc/redis-tls" })).toEqual([
    { name: "MRR_REDIS_TLS_DIRECTORY", value: "/etc/redis-tls" },
  ]);
});

test("executors hear of containers where redis-servers run in some, and are the same ones as ever elsewhere", async () => {
  const variablesOf = async (keys: Record<string, unknown>) =>
    Object.fromEntries(
      ((await load(keys)).info.command?.environment?.variables ?? []).map(({ name, value }) => [
        name,
        value,
      ]),
    );
  const plain = await variablesOf({});
  const keys = { Runtime: "container", RedisImage: "redis:7.2", DockerSocket: "/run/d.sock" };
  expect(await variablesOf(keys)).toEqual({
    ...plain,
    MRR_REDIS_IMAGE: "redis:7.2",
    MRR_DOCKER_SOCKET: "/run/d.sock",
    MRR_IMAGE_PULL_TIMEOUT_MS: "600000",
    MRR_REDIS_CPUS_MILLI: "100",
    MRR_REDIS_MEMORY_OVERHEAD_MB: "16",
    MRR_REDIS_MEMORY_OVERHEAD_PERCENT: "10",
  });
  expect(await variablesOf({ RedisImage: "redis:7.2" })).toEqual(plain);
});
