/**
 * Owns speaking with a container engine over its socket (Docker Engine API 1.40 and later), by dockerode; its answers are checked
 * input afterwards. Not: when it is asked. Loaded only where processes run in containers.
 * Source: Docker Engine API v1.40; tried with engine 20.10.24.
 * SPDX-License-Identifier: Apache-2.0
 */
// @ts-expect-error It has no types; those of dockerode-types.ts are put in their place.
import untyped from "dockerode";
import type { DockerodeClass } from "./dockerode-types.js";
import {
  type ContainerSpec,
  type ContainerState,
  type Engine,
  EngineError,
  type ListedContainer,
  type PullStep,
} from "./engine.js";

/** Of 2019 (engine 19.03): newer engines speak it as well. */
const apiVersion = "v1.40";

/** Longest wait for an answer: removing one container of many on a busy disk takes seconds. */
export const answerMsMax = 20_000;

/** Most processes of a container: a redis-server with its threads and a child, the guard's shells. */
const processesMax = 512;

/** Longest line of a pull's progress that is looked at. */
const lineCharactersMax = 16 * 1024;

const Dockerode: DockerodeClass = untyped;

type Fields = Readonly<Record<string, unknown>>;

const fieldsOf = (value: unknown): Fields =>
  typeof value === "object" && value !== null ? (value as Fields) : {};

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

const integerOf = (value: unknown): number => (Number.isSafeInteger(value) ? Number(value) : 0);

/** dockerode's errors carry the answer; those of the socket a code. */
function errorOf(error: unknown, what: string, socket: string): EngineError {
  if (error instanceof EngineError) return error;
  const { statusCode, json, code, message } = fieldsOf(error);
  if (typeof statusCode === "number") {
    const said = textOf(fieldsOf(json).message) || textOf(message);
    return new EngineError(
      `the container engine refuses to ${what} (${statusCode}): ${said}`,
      statusCode,
    );
  }
  const why = textOf(code) || textOf(message) || "no reason";
  return new EngineError(`the container engine at ${socket} cannot ${what}: ${why}`);
}

/** `image` with the tag that is meant where none is named. */
const tagged = (image: string): string =>
  image.includes("@") || /:[^/]+$/.test(image) ? image : `${image}:latest`;

const bodyOf = (spec: ContainerSpec): Fields => ({
  name: spec.name,
  Image: spec.image,
  Labels: spec.labels,
  Entrypoint: [...spec.command.slice(0, 1)],
  Cmd: [...spec.command.slice(1)],
  User: spec.user,
  WorkingDir: spec.directory,
  OpenStdin: true,
  StdinOnce: true,
  AttachStdin: true,
  AttachStdout: true,
  AttachStderr: true,
  Tty: false,
  Healthcheck: { Test: ["NONE"] },
  HostConfig: {
    NetworkMode: "host",
    // The network of the host is that of its user namespace.
    UsernsMode: "host",
    Memory: spec.memoryBytes,
    MemorySwap: spec.memoryBytes,
    CpuShares: spec.cpuShares,
    PidsLimit: processesMax,
    ReadonlyRootfs: true,
    CapDrop: ["ALL"],
    SecurityOpt: ["no-new-privileges"],
    RestartPolicy: { Name: "no" },
    // Their executor keeps the log, bounded; a second one on the host would have no bounds.
    LogConfig: { Type: "none", Config: {} },
    Mounts: spec.mounts.map(({ from, to, isReadOnly }) => ({
      Type: "bind",
      Source: from,
      Target: to,
      ReadOnly: isReadOnly,
    })),
  },
});

function stateOf(answer: unknown): ContainerState {
  const state = fieldsOf(fieldsOf(answer).State);
  const status = textOf(state.Status);
  if (status === "") throw new EngineError("the container engine does not tell how a container is");
  const isRunning = !["created", "exited", "dead"].includes(status);
  const finishedAtMs = Date.parse(textOf(state.FinishedAt));
  return {
    isRunning,
    exitCode: status === "exited" || status === "dead" ? integerOf(state.ExitCode) : null,
    isOutOfMemory: state.OOMKilled === true,
    pid: isRunning ? integerOf(state.Pid) : 0,
    finishedAtMs: isRunning || !(finishedAtMs > 0) ? 0 : finishedAtMs,
  };
}

function listedOf(answer: unknown): readonly ListedContainer[] {
  if (!Array.isArray(answer)) throw new EngineError("the container engine lists no containers");
  return answer.flatMap((each: unknown) => {
    const { Id, Labels } = fieldsOf(each);
    const entries = Object.entries(fieldsOf(Labels)).map(([key, value]) => [key, textOf(value)]);
    return typeof Id === "string" ? [{ id: Id, labels: Object.fromEntries(entries) }] : [];
  });
}

/** One line of a pull; an error in it throws. */
function pullStepOf(line: string): PullStep | null {
  let fields: Fields;
  try {
    fields = fieldsOf(JSON.parse(line));
  } catch {
    return null;
  }
  if (fields.error !== undefined) throw new EngineError(textOf(fields.error) || "the pull failed");
  const { current, total } = fieldsOf(fields.progressDetail);
  const bytesAll = integerOf(total);
  if (textOf(fields.status) !== "Downloading" || bytesAll <= 0) return null;
  return { layer: textOf(fields.id), bytes: integerOf(current), bytesAll };
}

/** The engine behind `socket`, an absolute path. */
export function createDockerodeEngine(socket: string, answerMs = answerMsMax): Engine {
  const docker = new Dockerode({ socketPath: socket, version: apiVersion });

  /** One call, ended in time whatever the engine does. */
  async function call<T>(what: string, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const abort = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        reject(
          new EngineError(
            `the container engine at ${socket} did not ${what} within ${answerMs} ms`,
          ),
        );
        abort.abort();
      }, answerMs);
    });
    const work = run(abort.signal);
    // The loser of the race may still reject; it has been heard.
    work.catch(() => undefined);
    try {
      return await Promise.race([work, late]);
    } catch (error) {
      throw errorOf(error, what, socket);
    } finally {
      clearTimeout(timer);
    }
  }

  /** As {@link call}, where the engine knows no such thing: `otherwise`. */
  async function callOr<T>(
    otherwise: T,
    what: string,
    run: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    try {
      return await call(what, run);
    } catch (error) {
      if (error instanceof EngineError && error.status === 404) return otherwise;
      throw error;
    }
  }

  return {
    hasImage: (image) =>
      callOr(false, "look for the image", async (abortSignal) => {
        await docker.getImage(tagged(image)).inspect({ abortSignal });
        return true;
      }),
    async pull(image, onStep, abortSignal) {
      try {
        const stream = await docker.createImage({ fromImage: tagged(image), abortSignal });
        let rest = "";
        for await (const chunk of stream) {
          const lines = (rest + String(chunk)).split("\n");
          rest = (lines.pop() ?? "").slice(0, lineCharactersMax);
          for (const line of lines) {
            const step = pullStepOf(line.slice(0, lineCharactersMax));
            if (step !== null) onStep(step);
          }
        }
        if (rest !== "") pullStepOf(rest);
      } catch (error) {
        throw errorOf(error, `pull ${image}`, socket);
      }
    },
    create: (spec) =>
      call("create a container", async (abortSignal) => {
        const { id } = await docker.createContainer({ ...bodyOf(spec), abortSignal });
        if (typeof id === "string" && /^[0-9a-f]{12,64}$/.test(id)) return id;
        throw new EngineError("the container engine does not name the container that it made");
      }),
    attach: (id) =>
      call("attach to a container", () =>
        docker.getContainer(id).attach({
          ...{ stream: true, stdin: true, stdout: true, stderr: true },
          hijack: true,
        }),
      ),
    start: (id) =>
      call("start a container", async (abortSignal) => {
        await docker.getContainer(id).start({ abortSignal });
      }),
    async ended(id) {
      try {
        await docker.getContainer(id).wait({ condition: "next-exit" });
      } catch (error) {
        throw errorOf(error, "wait for a container", socket);
      }
    },
    look: (id) =>
      callOr<ContainerState | null>(null, "look at a container", async (abortSignal) =>
        stateOf(await docker.getContainer(id).inspect({ abortSignal })),
      ),
    kill: (id, signal) =>
      call("signal a container", async (abortSignal) => {
        await docker.getContainer(id).kill({ signal, abortSignal });
      }),
    remove: (id) =>
      callOr(undefined, "remove a container", async (abortSignal) => {
        await docker.getContainer(id).remove({ force: true, v: true, abortSignal });
      }),
    list: (label) =>
      call("list its containers", async (abortSignal) =>
        listedOf(
          await docker.listContainers({
            all: true,
            filters: JSON.stringify({ label: [label] }),
            abortSignal,
          }),
        ),
      ),
  };
}
