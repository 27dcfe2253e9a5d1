/**
 * Owns what is done after the executor's death, whatever kills it: one small shell whose input ends then removes the
 * configurations and private keys of its redis-servers, and kills those whose pids it was given.
 * Not: the usual way in which they die with it (setpriv --pdeathsig, spare-shells.ts). Called by supervisor.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawn } from "node:child_process";
import { pathDefault } from "./redis-binary.js";
import { configFileName, pairFileName } from "./work-directory.js";

/** Kills what it guards when this process ends, and removes all configurations and private keys. */
export interface Watchdog {
  /** Where setpriv is missing. */
  guard(pid: number): void;
  /** The process was reaped: its pid may be another's soon. */
  release(pid: number): void;
  /** Ends the watchdog; it kills what is still guarded. */
  close(): void;
}

/**
 * The first line is the place of the working directories: on the command line it would look like a process of the
 * sandbox. Then "+pid" guards, "-pid" releases. It ignores the signals that a terminal or an agent sends to all.
 */
const script = `
trap '' HUP INT TERM
IFS= read -r place
pids=' '
while read -r line; do
  pid=\${line#?}
  case $line in
    +*) pids="$pids$pid " ;;
    -*) case $pids in *" $pid "*) pids="\${pids%% $pid *} \${pids#* $pid }" ;; esac ;;
  esac
done
for pid in $pids; do kill -9 "$pid"; done
[ -n "$place" ] && rm -f "$place"/*/${configFileName} "$place"/*/${pairFileName} "$place"/*/${pairFileName}.next
`;

/**
 * Starts the watchdog of the processes in `place`, an absolute path. It costs one sleeping shell, in a session of its
 * own: an agent that kills the executor's group leaves it the moment that it needs.
 */
export function startWatchdog(place: string): Watchdog {
  const child = spawn("/bin/sh", ["-c", script], {
    stdio: ["pipe", "ignore", "ignore"],
    cwd: "/",
    detached: true,
    env: { PATH: pathDefault },
  });
  const tell = (line: string): void => {
    if (child.stdin.writable) child.stdin.write(`${line}\n`);
  };
  child.on("error", () => undefined);
  child.stdin.on("error", () => undefined);
  child.unref();
  // A line cannot hold a line: then nothing is removed, rather than something else.
  tell(place.includes("\n") ? "" : place);
  return {
    guard: (pid) => tell(`+${pid}`),
    release: (pid) => tell(`-${pid}`),
    close: () => child.stdin.end(),
  };
}
