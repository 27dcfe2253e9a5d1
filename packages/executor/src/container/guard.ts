/**
 * Owns the guard: what a container runs first. It starts the redis-server, and ends it when the executor's connection ends, when
 * nobody has renewed its time, or when it is told to: by the kernel, a shell and a clock alone, whatever the engine does.
 * Not: the arithmetic (core/supervise/guard.ts), nor the container (container-process.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import {
  type Clock,
  guardHoldSeconds,
  guardLookSeconds,
  guardRenewMs,
  type Timer,
} from "@mr-redis/core";

/** Where a container finds the time until which it may live. */
export const guardMount = "/mr-redis";

/** A deadline lies at most so far ahead on the host's own clock; more, and the container has another one. */
const clockSpreadSeconds = 60;

/** Begin of the lines that the guard says, before the redis-server and in between. */
export const guardWord = "mr-redis:";

/**
 * $1: names of the program, the first that is there; $2: the file that ends this very container.
 * Only the first process of a container can be sure to outlive the others, and all others end with it. It says which
 * redis-server there is and waits for a line: by then the configuration lies in its directory. No line, no redis-server.
 * The deadline stands twice in its file, so that half a write counts for nothing; where the clock cannot be read, or is not
 * that of the host (some runtimes give each container one of its own), time is up.
 */
export const guardScript = `
umask 077
exec 3<&0 </dev/null 2>&1
r=
for name in $1; do r=$(command -v "$name") && break; done
[ -n "$r" ] || { echo "${guardWord} there is no $1 in this image"; exit 127; }
echo "${guardWord} $(ulimit -Hn) $("$r" --version)"
read -r _ <&3 || exit 0
"$r" redis.conf 3<&- &
p=$!
echo "${guardWord} pid $p"
( (
  d=0
  while :; do
    [ ! -e "${guardMount}/$2" ] || exit
    read -r now _ </proc/uptime || exit
    read -r a b <"${guardMount}/alive" && [ "$a" = "$b" ] && d=$a
    [ "\${now%%.*}" -lt "$d" ] || exit
    [ "$d" -le "$((\${now%%.*} + ${clockSpreadSeconds}))" ] || exit
    sleep ${guardLookSeconds} || exit
  done
); kill -9 "$p" ) 3<&- >/dev/null 2>&1 &
( while read -r _ <&3; do :; done; kill -9 "$p" ) >/dev/null 2>&1 &
exec 3<&-
trap 'kill -TERM "$p"' TERM
while :; do
  wait "$p"
  code=$?
  kill -0 "$p" 2>/dev/null || break
done
exit "$code"
`;

/** Digits of a deadline: it is written over in place, which needs no space on a full disk. */
const deadlineDigits = 12;

/** The deadlines of all containers of one executor. */
export interface Guard {
  /** Path of its directory on the host, for a read-only mount at {@link guardMount}. */
  readonly directory: string;
  /** Name of the file that ends one container. */
  endFile(startId: string): string;
  /** Ends a container within {@link guardLookSeconds}, even if no engine answers. */
  end(startId: string): void;
  /** Renews no more: whatever is left ends by itself. */
  close(): void;
}

/** Seconds since the host started: the same clock in a container. */
const uptimeSeconds = (): number => Number.parseInt(readFileSync("/proc/uptime", "utf8"), 10);

/** Makes `directory` and renews from now on. Throws when there can be none. `onFailure` hears of a renewal that failed. */
export function startGuard(
  directory: string,
  clock: Clock,
  onFailure: (error: unknown) => void,
): Guard {
  // Whoever runs in a container must be able to read it, and holds nothing that is secret.
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const fd = openSync(join(directory, "alive"), "w", 0o644);
  let timer: Timer | null = null;
  const renew = (): void => {
    try {
      const deadline = String(uptimeSeconds() + guardHoldSeconds).padStart(deadlineDigits, "0");
      writeSync(fd, `${deadline} ${deadline}\n`, 0);
    } catch (error) {
      onFailure(error);
    }
    timer = clock.after(guardRenewMs, renew);
  };
  renew();
  const endFile = (startId: string): string => `end.${startId.replace(/[^A-Za-z0-9-]/g, "_")}`;
  return {
    directory,
    endFile,
    end: (startId) => {
      try {
        writeFileSync(join(directory, endFile(startId)), "", { mode: 0o644 });
      } catch (error) {
        onFailure(error);
      }
    },
    close: () => {
      if (timer === null) return;
      timer.cancel();
      timer = null;
      closeSync(fd);
    },
  };
}
