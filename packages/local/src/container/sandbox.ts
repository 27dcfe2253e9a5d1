/**
 * Owns the directories of an agent: sandboxes as a real agent lays them out, records of containers, volumes.
 * Source of the layout: reference sections 8.5 and 12.5. Called by container/ and shell/.
 * SPDX-License-Identifier: Apache-2.0
 */
import { chmodSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";

/** Mode of a sandbox, as recorded: for its user and group only. */
export const sandboxMode = 0o750;

/** Which container. Ids were checked by the master: they are single components of a path. */
export interface ContainerPlace {
  readonly agentId: string;
  readonly frameworkId: string;
  readonly executorId: string;
  readonly containerId: string;
}

/** The sandbox of one run of an executor. */
export const sandboxOf = (workDir: string, place: ContainerPlace): string =>
  join(executorDirOf(workDir, place), "runs", place.containerId);

const executorDirOf = (workDir: string, place: ContainerPlace): string =>
  join(
    workDir,
    "slaves",
    place.agentId,
    "frameworks",
    place.frameworkId,
    "executors",
    place.executorId,
  );

/** Where the records of running containers are. */
export const recordsDirOf = (workDir: string): string => join(workDir, "meta", "containers");

/** A root-disk volume: a slash in the role becomes a space. */
export const volumeDirOf = (workDir: string, role: string, persistenceId: string): string =>
  join(workDir, "volumes", "roles", role.replaceAll("/", " "), persistenceId);

/** Makes the sandbox, and the link `latest` beside it. */
export function makeSandbox(workDir: string, place: ContainerPlace): string {
  const directory = sandboxOf(workDir, place);
  mkdirSync(directory, { recursive: true });
  chmodSync(directory, sandboxMode);
  const latest = join(executorDirOf(workDir, place), "runs", "latest");
  rmSync(latest, { force: true });
  symlinkSync(place.containerId, latest);
  return directory;
}
