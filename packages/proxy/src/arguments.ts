/**
 * Owns the command line of mrr-proxy, with one or two dashes as the ancestor's. Called by main.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Parsed, parsed, refused } from "@mr-redis/core";

/** What the command line asks for. */
export interface Arguments {
  readonly mode: "run" | "help" | "version" | "check-config";
  /** Path of the configuration file; null: `./config.json`, which must exist. */
  readonly config: string | null;
}

/** What `--help` prints. */
export const helpText = `mrr-proxy: one address for each Redis that never changes

Usage: mrr-proxy [options]

Options (one or two dashes):
  -config=FILE    configuration file, JSON (default: ./config.json)
  -check-config   check the file, print every problem, and end
  -version        print the version, and end
  -help           print this text, and end

The file:
  {"HTTPPort": "7979",
   "Entries": [{"Name": "Master", "Pair": {"From": "127.0.0.1:6677", "To": "10.11.12.125:6380"}}]}

  HTTPPort      port of /Get/, /Update/, /healthz and /metrics (default 7979)
  HTTPBind      address of it (default 127.0.0.1: whoever reaches it can lead clients elsewhere)
  ClientsMax    most clients of one entry at the same time (default 10000)
  TargetWaitMs  longest wait of a client while its target cannot be reached; then it gets an error reply (default 10000)

Lead an entry elsewhere; its old connections are cut at once:
  curl -X PUT -d '{"Name":"Master","Addr":"10.11.12.123:6380"}' http://127.0.0.1:7979/Update/
`;

/** Reads the arguments after the program's name. */
export function parseArguments(argv: readonly string[]): Parsed<Arguments> {
  let mode: Arguments["mode"] = "run";
  let config: string | null = null;
  for (let index = 0; index < argv.length; index += 1) {
    const match = /^--?([A-Za-z][\w-]*)(?:=(.*))?$/s.exec(argv[index] ?? "");
    if (match === null) return refused(argv[index] ?? "", "is not understood; see -help");
    const [, name = "", value] = match;
    switch (name.toLowerCase()) {
      case "config": {
        const path = value ?? argv[index + 1];
        if (path === undefined || path === "") return refused("-config", "needs a file");
        if (value === undefined) index += 1;
        config = path;
        break;
      }
      case "check-config":
        mode = "check-config";
        break;
      case "help":
      case "h":
        mode = "help";
        break;
      case "version":
        mode = "version";
        break;
      default:
        return refused(`-${name}`, "is not known; see -help");
    }
  }
  return parsed({ mode, config });
}
