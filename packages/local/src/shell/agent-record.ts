/**
 * Owns what of an agent outlives this process: its id and port. Called by shell/local.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Version of the record; a newer one is not read, the agent then gets a new id. */
const recordVersion = 1;

/** An agent that was registered before. */
export interface AgentRecord {
  readonly agentId: string;
  readonly port: number;
}

const fileOf = (workDir: string): string => join(workDir, "meta", "agent.json");

/** The record, or null when there is none that can be read. */
export function readAgentRecord(workDir: string): AgentRecord | null {
  try {
    const value: unknown = JSON.parse(readFileSync(fileOf(workDir), "utf8"));
    if (typeof value !== "object" || value === null) return null;
    const { version, agentId, port } = value as Partial<
      Record<keyof AgentRecord | "version", unknown>
    >;
    return version === recordVersion && typeof agentId === "string" && typeof port === "number"
      ? { agentId, port }
      : null;
  } catch {
    return null;
  }
}

/** Writes the record, whole or not at all. */
export function writeAgentRecord(workDir: string, record: AgentRecord): void {
  mkdirSync(join(workDir, "meta"), { recursive: true });
  const file = fileOf(workDir);
  writeFileSync(`${file}.new`, JSON.stringify({ version: recordVersion, ...record }));
  renameSync(`${file}.new`, file);
}
