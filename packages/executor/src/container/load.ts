/**
 * Owns putting the container runtime together with its engine. Loaded by main.ts only where processes run in containers.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createDockerodeEngine } from "./dockerode-engine.js";
import { ContainerRuntime, type ContainerRuntimeOptions } from "./runtime.js";

/** A runtime on the engine behind the socket of its settings. */
export const loadContainerRuntime = (
  options: Omit<ContainerRuntimeOptions, "engine">,
): ContainerRuntime =>
  new ContainerRuntime({ ...options, engine: createDockerodeEngine(options.settings.socket) });
