/**
 * Owns what is used of dockerode, as types: the package has none of its own. Called by dockerode-engine.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Duplex, Readable } from "node:stream";

interface Options {
  readonly abortSignal?: AbortSignal;
  readonly [name: string]: unknown;
}

interface DockerodeContainer {
  readonly id: unknown;
  attach(options: Options): Promise<Duplex>;
  start(options: Options): Promise<unknown>;
  wait(options: Options): Promise<unknown>;
  inspect(options: Options): Promise<unknown>;
  kill(options: Options): Promise<unknown>;
  remove(options: Options): Promise<unknown>;
}

interface Dockerode {
  getImage(name: string): { inspect(options: Options): Promise<unknown> };
  getContainer(id: string): DockerodeContainer;
  createContainer(options: Options): Promise<DockerodeContainer>;
  createImage(options: Options): Promise<Readable>;
  listContainers(options: Options): Promise<unknown>;
}

/** Class of the package. */
export type DockerodeClass = new (options: {
  readonly socketPath: string;
  readonly version: string;
}) => Dockerode;
