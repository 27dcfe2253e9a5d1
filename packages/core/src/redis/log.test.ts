/**
 * Owns what log lines mean, with lines of a real redis-server 7.0.15.
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import { exitCause, logHint, safeLogLine } from "./log.js";

test.each([
  ["7680:S 22 Nov 2026 13:09:36.056 * Ready to accept connections", "ready"],
  ["1:M 22 Nov 2026 13:09:36.056 * Ready to accept connections tcp", "ready"],
  [
    "7680:S 22 Nov 2026 13:09:36.130 * MASTER <-> REPLICA sync: Finished with success",
    "replication",
  ],
  [
    "7680:S 22 Nov 2026 13:09:36.058 # Error condition on socket for SYNC: Connection refused",
    "replication",
  ],
  ["7680:S 22 Nov 2026 13:09:36.058 # Connection with master lost.", "replication"],
  ["7680:C 22 Nov 2026 13:09:36.055 # Configuration loaded", null],
  ["7680:S 22 Nov 2026 13:09:36.127 * Master replied to PING, replication can continue...", null],
  [
    "7680:S 22 Nov 2026 13:09:36.129 * MASTER <-> REPLICA sync: Loading DB in memory",
    "replication",
  ],
  ["7680:S 22 Nov 2026 13:09:36.129 # Unable to AUTH to MASTER: -WRONGPASS", "replication"],
  [
    "7680:M 22 Nov 2026 13:09:36.127 * MASTER MODE enabled (user request from 'id=5')",
    "replication",
  ],
])("%s", (line, hint) => {
  expect(logHint(line)).toBe(hint);
});

test.each([
  [0, null, ["* User requested shutdown...", "Address already in use"], null, "exit code 0"],
  [
    1,
    null,
    [
      "# Warning: Could not create server TCP listening socket 127.0.0.1:7001: bind: Address already in use",
    ],
    "port-taken",
    "port 7001 is taken by another program (exit code 1)",
  ],
  [
    1,
    null,
    [
      "# Warning: ...: bind: Cannot assign requested address",
      "# Failed listening on port 7001 (TCP), aborting.",
    ],
    null,
    "its address does not belong to this host (exit code 1)",
  ],
  [
    1,
    null,
    [
      "*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***",
      "Reading the configuration file, at line 3",
      ">>> 'foo bar'",
      "Bad directive or wrong number of arguments",
    ],
    null,
    "its configuration was refused: 'foo bar' Bad directive or wrong number of arguments (exit code 1)",
  ],
  [null, "SIGKILL", [], null, "ended by signal SIGKILL"],
  [
    null,
    "SIGSEGV",
    ["# Redis 7.0.15 crashed by signal: 11"],
    null,
    "it crashed: # Redis 7.0.15 crashed by signal: 11 (ended by signal SIGSEGV)",
  ],
  [2, null, ["nothing known", ""], null, "exit code 2; its last words: nothing known"],
  [2, null, [], null, "exit code 2"],
  [0, null, ["bye"], null, "exit code 0"],
  [null, "SIGTERM", ["# User requested shutdown..."], null, "ended by signal SIGTERM"],
])("exit %s %s", (code, signal, lines, errorCode, text) => {
  expect(exitCause(code, signal, lines, 7001)).toEqual({ code: errorCode, text });
});

test("passwords that Redis quotes are hidden", () => {
  expect(safeLogLine(">>> 'user replica on >s3cret +psync'")).toBe(">>> 'user ...'");
  expect(safeLogLine(">>> 'masterauth s3cret'")).toBe(">>> 'masterauth ...'");
  expect(safeLogLine(">>> 'timeout x'")).toBe(">>> 'timeout x'");
});
