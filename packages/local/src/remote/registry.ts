/**
 * Owns the agents that a master of its own process has admitted, on disk: a master that is started again answers
 * nothing about tasks of an agent that may yet come back, and knows which were unreachable or gone (reference 6.4).
 * Not: when a state changes (agent-links.ts). Called by master.ts and agent-links.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { MrrError } from "@mr-redis/core";
import { lostAgentsMax } from "../master/books.js";

/** What the registry knows of an agent, as that of a real master. */
export type AdmittedState = "registered" | "unreachable" | "gone";

const states: readonly unknown[] = ["registered", "unreachable", "gone"];

const registryVersion = 1;

interface RegistryFile {
  readonly version: number;
  readonly agents: readonly { readonly id: string; readonly state: AdmittedState }[];
}

/** The registry of one work directory. */
export class AgentRegistry {
  readonly #file: string;
  readonly #agents: Map<string, AdmittedState>;

  /** Reads the file, if there is one. Throws `bad-record` when it cannot be understood: guessing would lose tasks. */
  constructor(workDir: string) {
    this.#file = join(workDir, "agents.json");
    this.#agents = new Map(read(this.#file).map(({ id, state }) => [id, state]));
  }

  /** By agent id, oldest change first. */
  get agents(): ReadonlyMap<string, AdmittedState> {
    return this.#agents;
  }

  /** Remembers a state, on disk when this returns. */
  set(id: string, state: AdmittedState): void {
    if (this.#agents.get(id) === state) return;
    this.#agents.delete(id);
    this.#agents.set(id, state);
    const lost = [...this.#agents].filter(([, one]) => one !== "registered");
    for (const [oldest] of lost.slice(0, Math.max(0, lost.length - lostAgentsMax))) {
      this.#agents.delete(oldest);
    }
    this.#write();
  }

  #write(): void {
    const agents = [...this.#agents].map(([id, state]) => ({ id, state }));
    const content: RegistryFile = { version: registryVersion, agents };
    const descriptor = openSync(`${this.#file}.new`, "w");
    writeSync(descriptor, JSON.stringify(content));
    fsyncSync(descriptor);
    closeSync(descriptor);
    renameSync(`${this.#file}.new`, this.#file);
  }
}

function read(file: string): RegistryFile["agents"] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  const agents = parse(text);
  if (agents !== null) return agents;
  const message = `the list of agents ${file} cannot be read: repair it, or remove it if no agent has tasks`;
  throw new MrrError("store-corrupt", message, { details: { file } });
}

function parse(text: string): RegistryFile["agents"] | null {
  try {
    const { version, agents }: Partial<RegistryFile> = JSON.parse(text);
    const isWhole =
      version === registryVersion &&
      Array.isArray(agents) &&
      agents.every(({ id, state }) => typeof id === "string" && states.includes(state));
    return isWhole ? (agents as RegistryFile["agents"]) : null;
  } catch {
    return null;
  }
}
