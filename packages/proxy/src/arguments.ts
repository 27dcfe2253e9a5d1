/**
 * Owns the command line of mrr-proxy, with one or two dashes as the ancestor's. Called by main.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Parsed, type Problem, parsed, refused } from "@mr-redis/core";
import { type ConfigKey, configKeys } from "./config.js";

/** What the command line asks for. */
export interface Arguments {
  readonly mode: "run" | "help" | "version" | "check-config";
  /** Path of the configuration file; null: `./config.json`, which must exist unless a scheduler is named. */
  readonly config: string | null;
  /** Values that count instead of the file's, by key; not checked yet. */
  readonly flags: Readonly<Partial<Record<ConfigKey, string>>>;
  /** End when standard input ends: whoever started this program has gone. */
  readonly exitWithParent: boolean;
}

/** What `--help` prints. */
export const helpText = `mrr-proxy: one address for each Redis that never changes

Usage: mrr-proxy -scheduler URL[,URL...] [options]     follow a scheduler: its instances come, move and go by themselves
       mrr-proxy -config FILE [options]                serve the entries of a file; with the key Scheduler, both

Examples:
  mrr-proxy -scheduler http://127.0.0.1:5656
  mrr-proxy -scheduler http://10.0.0.1:5656,http://10.0.0.2:5656 -bind 10.0.0.9 -plane auto
  mrr connection -n NAME                               says the ports of an instance; every proxy serves the same ones

Options (one or two dashes; -name VALUE or -name=VALUE; in brackets the key of the file):
  -scheduler URLS     schedulers of one cluster, with commas; the one that leads is found by itself [Scheduler]
  -bind ADDRESS       address that clients of followed instances come to (default 0.0.0.0) [Bind]
  -plane KIND         userspace: everywhere (default). kernel: Linux with CAP_NET_ADMIN, see docs/operating/proxy.md.
                      auto: kernel where it works, else userspace [Plane]
  -workers N          of the userspace plane; more than one for more than one core (default 1) [Workers]
  -clients-max N      most clients of one instance or entry at the same time (default 10000) [ClientsMax]
  -target-wait MS     longest wait of a client while there is no master; then it gets an error reply (default 10000, 0: none)
                      [TargetWaitMs]
  -tls-cert FILE      certificate and chain as PEM: clients speak TLS; read again when it changes [TlsCert]
  -tls-key FILE       its key [TlsKey]
  -http-bind ADDRESS  of /Get/, /Update/, /healthz, /readyz, /metrics (default 127.0.0.1: whoever reaches it can lead
                      entries elsewhere) [HTTPBind]
  -http-port PORT     (default 7979) [HTTPPort]
  -state FILE         keeps the last known topology, for a start while no scheduler answers; "" keeps none (default:
                      a file in $XDG_STATE_HOME/mr-redis, ~/.local/state/mr-redis, or of root /var/lib/mr-redis) [State]
  -token-file FILE    token for the scheduler, of the role read; never the token itself: everybody sees a command line
                      (default: the variable MRR_TOKEN_FILE) [TokenFile]
  -ca-file FILE       who vouches for schedulers with https, PEM (default: MRR_CA_FILE, else the system's) [CaFile]
  -config FILE        configuration file, JSON (default: ./config.json when no scheduler is named)
  -check-config       check file and flags, print every problem, and end
  -exit-with-parent   end when standard input ends (used by \`mrr up\`)
  -version            print the version, and end
  -help               print this text, and end

The file, as the ancestor's, with the keys above:
  {"HTTPPort": "7979",
   "Entries": [{"Name": "Master", "Pair": {"From": "127.0.0.1:6677", "To": "10.11.12.125:6380"}}]}

While it runs: Entries, ClientsMax, TargetWaitMs and the certificate are read again when their file changes or on SIGHUP.
Lead an entry elsewhere; its old connections are cut at once:
  curl -X PUT -d '{"Name":"Master","Addr":"10.11.12.123:6380"}' http://127.0.0.1:7979/Update/

Open files: one for each address that is served, two for each client. For many of either raise the limit
(LimitNOFILE= of systemd, ulimit -n of a shell); the log says at the start what it allows.

Exit codes: 0 asked to end, 2 a wrong flag or configuration, 8 the port of -http-port is taken, 70 a defect.
`;

/** The key for which a flag stands: `clients-max` and `ClientsMax` both are ClientsMax. */
function keyOf(name: string): ConfigKey | null {
  const plain = name.replaceAll("-", "").toLowerCase();
  if (plain === "entries") return null;
  if (plain === "targetwait") return "TargetWaitMs";
  return configKeys.find((key) => key.toLowerCase() === plain) ?? null;
}

/** Reads the arguments after the program's name. */
export function parseArguments(argv: readonly string[]): Parsed<Arguments> {
  let mode: Arguments["mode"] = "run";
  let config: string | null = null;
  let exitWithParent = false;
  const flags: Partial<Record<ConfigKey, string>> = {};
  const problems: Problem[] = [];
  for (let index = 0; index < argv.length; index += 1) {
    const match = /^--?([A-Za-z][\w-]*)(?:=(.*))?$/s.exec(argv[index] ?? "");
    if (match === null) return refused(argv[index] ?? "", "is not understood; see -help");
    const [, name = "", given] = match;
    const value = (): string | null => {
      if (given === undefined) index += 1;
      const found = given ?? argv[index];
      if (found === undefined) problems.push({ path: `-${name}`, rule: "needs a value" });
      return found ?? null;
    };
    const lower = name.toLowerCase();
    const key = keyOf(name);
    if (key !== null) {
      const text = value();
      if (text !== null) flags[key] = text;
    } else if (lower === "config") {
      config = value();
      if (config === "") problems.push({ path: "-config", rule: "needs a file" });
    } else if (lower === "check-config") mode = "check-config";
    else if (lower === "exit-with-parent") exitWithParent = true;
    else if (lower === "help" || lower === "h") mode = "help";
    else if (lower === "version") mode = "version";
    else problems.push({ path: `-${name}`, rule: "is not known; see -help" });
  }
  if (problems.length > 0) return { ok: false, problems };
  return parsed({ mode, config, flags, exitWithParent });
}
