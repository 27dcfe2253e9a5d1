/**
 * Owns the way in which redis-servers die with their executor where setpriv is missing: one small shell that
 * holds the list of their pids and kills them when its input ends, which happens whatever kills the executor.
 * Not: the usual way (setpriv --pdeathsig, redis-process.ts). Called by supervisor.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawn } from "node:child_process";

/** Kills what it guards when this process ends. */
export interface Watchdog {
  guard(pid: number): void;
  /** The process was reaped: its pid may be another's soon. */
  release(pid: number): void;
  /** Ends the watchdog; it kills what is still guarded. */
  close(): void;
}

/** "+pid" guards, "-pid" releases. It ignores the signals that a terminal or an agent sends to the whole group. */
const script = `
trap '' HUP INT TERM
pids=' '
while read -r line; do
  pid=\${line#?}
  case $line in
    +*) pids="$pids$pid " ;;
    -*) case $pids in *" $pid "*) pids="\${pids%% $pid *} \${pids#* $pid }" ;; esac ;;
  esac
done
for pid in $pids; do kill -9 "$pid"; done
`;

/** Starts the watchdog. It costs one sleeping shell. */
export function startWatchdog(): Watchdog {
  const child = spawn("/bin/sh", ["-c", script], { stdio: ["pipe", "ignore", "ignore"], env: {} });
  const tell = (line: string): void => {
    if (child.stdin.writable) child.stdin.write(`${line}\n`);
  };
  child.on("error", () => undefined);
  child.stdin.on("error", () => undefined);
  child.unref();
  return {
    guard: (pid) => tell(`+${pid}`),
    release: (pid) => tell(`-${pid}`),
    close: () => child.stdin.end(),
  };
}
