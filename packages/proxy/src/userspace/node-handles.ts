/**
 * Owns the way to the handle under a socket of Node, and the check that it is what the hot path expects.
 * Why: with streams each piece of bytes costs a buffer, four events' bookkeeping and a next tick, 1.5 times the CPU of the
 * system calls themselves (bench/proxy.md). Where anything here is not as expected (another Node, permissions), `nodeStreams`
 * is null and bytes are carried by the public API alone. Not: carrying (carry-directly.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Socket } from "node:net";
import { getSystemErrorMap } from "node:util";

/** One write that has not ended yet; Node calls `oncomplete` when it has. */
export interface WriteRequest {
  oncomplete: ((status: number) => void) | null;
}

/** What is used of the handle of a TCP socket. */
export interface StreamHandle {
  /** Called at each read; how many bytes, or which error, is in {@link NodeStreams.state}. */
  onread: () => void;
  /** Reads go into this memory from now on. */
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
  /** Tries to write at once, keeps the rest; not 0: an error. */
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
}

/** Node's words between JavaScript and its handles. */
export interface NodeStreams {
  readonly state: Int32Array;
  /** Index in `state`: bytes of the read that is told now; negative: an error. */
  readonly readIndex: number;
  /** Index in `state`: not 0: the last write has not ended yet. */
  readonly pendingIndex: number;
  /** The read error that is none: the peer has ended its half. */
  readonly endOfStream: number;
  createWrite(): WriteRequest;
}

interface StreamWrap {
  readonly WriteWrap?: new () => WriteRequest;
  readonly streamBaseState?: unknown;
  readonly kReadBytesOrError?: unknown;
  readonly kLastWriteWasAsync?: unknown;
}

type Binding = (name: string) => StreamWrap;

function findNodeStreams(): NodeStreams | null {
  try {
    const { binding } = process as unknown as { readonly binding?: Binding };
    const wrap = binding?.call(process, "stream_wrap");
    const {
      WriteWrap,
      streamBaseState: state,
      kReadBytesOrError: readIndex,
      kLastWriteWasAsync: pendingIndex,
    } = wrap ?? {};
    const end = [...getSystemErrorMap()].find(([, [name]]) => name === "EOF")?.[0];
    const isWhole =
      typeof WriteWrap === "function" &&
      state instanceof Int32Array &&
      typeof readIndex === "number" &&
      typeof pendingIndex === "number" &&
      end !== undefined;
    if (!isWhole) return null;
    const createWrite = (): WriteRequest => new WriteWrap();
    return { state, readIndex, pendingIndex, endOfStream: end, createWrite };
  } catch {
    return null;
  }
}

/** null: this Node has other words. */
export const nodeStreams: NodeStreams | null = findNodeStreams();

const methods = ["useUserBuffer", "readStart", "readStop", "writeBuffer"] as const;

/** The handle of a connected plain TCP socket; null: it has none that is as expected. */
export function handleOf(socket: Socket): StreamHandle | null {
  const { _handle: handle } = socket as unknown as { readonly _handle?: unknown };
  if (typeof handle !== "object" || handle === null || handle.constructor.name !== "TCP") {
    return null;
  }
  const found = handle as StreamHandle;
  return "onread" in found && methods.every((name) => typeof found[name] === "function")
    ? found
    : null;
}
