/**
 * Owns the command line of mrr-scheduler: the ancestor's flags with one or two dashes, and ours.
 * Not: the configuration they point at. Called by main.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Parsed, parsed, refused } from "@mr-redis/core";

/** What the command line asks for. */
export interface Arguments {
  readonly mode:
    | "run"
    | "help"
    | "version"
    | "dump-empty-config"
    | "check-config"
    | "store-dump"
    | "store-check"
    | "store-help";
  /** Path of the configuration file; null: `./config.json` if there is one, else the defaults. */
  readonly config: string | null;
  /** End when standard input ends: whoever started this program has gone. */
  readonly exitWithParent: boolean;
  /** Start anew when Mesos has removed the framework. */
  readonly newFramework: boolean;
}

/** What `--help` prints. */
export const helpText = `mrr-scheduler: Redis as a service on Apache Mesos

Usage: mrr-scheduler [options]
       mrr-scheduler store dump|check [-config=FILE]

Options (one or two dashes):
  -config=FILE         configuration file, JSON (default: ./config.json if it exists)
  -DumpEmptyConfig     print a configuration file with every key at its default, and end
  -check-config        print the effective configuration, or all that is wrong with it, and end
  -new-framework       when Mesos has removed the framework: register a new one and create all instances again, new and
                       empty. Without it such a start ends with exit code 3. While the framework lives it changes nothing
  -exit-with-parent    end when standard input ends (used by \`mrr up\`)
  -version             print the version, and end
  -help                print this text, and end

Examples:
  mrr-scheduler -DumpEmptyConfig > config.json
  mrr-scheduler -config=./config.json -check-config
  mrr-scheduler -config=./config.json

Every key is explained in docs/reference/configuration.md.
`;

/** What `store --help` prints. */
export const storeHelpText = `mrr-scheduler store: look into the store that the configuration names

Usage: mrr-scheduler store dump [-config=FILE]
       mrr-scheduler store check [-config=FILE]

  dump     print who leads and every record, one JSON object a line; secrets are shown as ***
  check    name every inconsistency, then say how many there are

Reads only. With etcd and ZooKeeper it works while schedulers run; an embedded store must be free for it.

Options (one or two dashes):
  -config=FILE         configuration file, JSON (default: ./config.json if it exists)
  -help                print this text, and end

Exit codes: 0 fine, 1 inconsistencies were found, 2 the configuration is wrong, 5 the store does not answer or is
in use. The password of etcd or ZooKeeper may be in the variable MRR_DB_PASSWORD.
`;

/** Flags of the ancestor's libraries that had a meaning for its log only; accepted and without effect. */
const ignored =
  /^(?:logtostderr|alsologtostderr|stderrthreshold|v|vmodule|log_dir|log_backtrace_at|graceful|socketorder)$/;

/** Reads the arguments after the program's name. */
export function parseArguments(argv: readonly string[]): Parsed<Arguments> {
  return argv[0] === "store" ? parseStoreArguments(argv.slice(1)) : parseRunArguments(argv);
}

/** `dump` or `check`, and flags of the program of which only those about the configuration mean something. */
function parseStoreArguments(argv: readonly string[]): Parsed<Arguments> {
  const actions = argv.filter((word, index) => isAction(word) && !isFlagValue(argv, index));
  const rest = argv.filter((word, index) => !isAction(word) || isFlagValue(argv, index));
  const flags = parseRunArguments(rest);
  if (!flags.ok) return flags;
  const { mode, config, newFramework } = flags.value;
  if (mode === "help") return parsed({ ...flags.value, mode: "store-help" });
  if (mode !== "run" || newFramework) return refused("store", "takes -config and -help only");
  const [action, second] = actions;
  if (action === undefined || second !== undefined) {
    return refused("store", "needs dump or check; see mrr-scheduler store -help");
  }
  return parsed({
    mode: action === "dump" ? "store-dump" : "store-check",
    config,
    exitWithParent: false,
    newFramework: false,
  });
}

const isAction = (word: string): boolean => word === "dump" || word === "check";

const isFlagValue = (argv: readonly string[], index: number): boolean =>
  /^--?config$/i.test(argv[index - 1] ?? "");

function parseRunArguments(argv: readonly string[]): Parsed<Arguments> {
  let mode: Arguments["mode"] = "run";
  let config: string | null = null;
  let exitWithParent = false;
  let newFramework = false;
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
      case "dumpemptyconfig":
        mode = "dump-empty-config";
        break;
      case "check-config":
        mode = "check-config";
        break;
      case "exit-with-parent":
        exitWithParent = true;
        break;
      case "new-framework":
      case "newframework":
        newFramework = true;
        break;
      case "help":
      case "h":
        mode = "help";
        break;
      case "version":
        mode = "version";
        break;
      default:
        if (!ignored.test(name)) return refused(`-${name}`, "is not known; see -help");
    }
  }
  return parsed({ mode, config, exitWithParent, newFramework });
}
