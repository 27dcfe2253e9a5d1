/**
 * Owns the command line: commands, aliases, options, help, and how a run ends.
 * Not: what commands do (commands/, up/). Called by main.ts and by tests.
 * SPDX-License-Identifier: Apache-2.0
 */
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { rewriteArgv } from "./argv/rewrite.js";
import { shapeOf } from "./argv/shape.js";
import { addCommands, type Run } from "./commands/define.js";
import { ProblemError, reportFailure } from "./failure.js";
import type { Io } from "./io.js";

/** What the program is called with. */
export interface ProgramInput {
  /** The words after the program's name. */
  readonly words: readonly string[];
  readonly io: Io;
  readonly version: string;
}

/** What holds for every command. */
interface GlobalOptions {
  readonly endpoint?: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
  readonly output: string;
}

const examples = `
Examples:
  $ mrr up                                    start everything on this machine
  $ mrr create -n inst -m 200 -s 1 -w         a master and a replica of 200 MB each, and wait
  $ mrr status -n inst                        where it runs
  $ mrr list                                  all instances
  $ mrr delete -n inst
  $ mrr help create                           the options of one command
`;

function createProgram(io: Io, version: string, run: Run): Command {
  const program = new Command("mrr")
    .description("Redis as a service: create, look at and delete Redis instances.")
    .version(version, "-v, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .option(
      "-e, --endpoint <url>",
      "address of the scheduler, or of several with commas (else MRR_ENDPOINT, `mrr init`)",
    )
    .option(
      "--token-file <file>",
      "file with the token for the scheduler (else MRR_TOKEN, MRR_TOKEN_FILE)",
    )
    .option(
      "--ca-file <file>",
      "who vouches for its https, PEM (else MRR_CA_FILE; default: the system)",
    )
    .option("-o, --output <format>", "text, or json: the API's own JSON", parseFormat, "text")
    .helpCommand(false)
    .addHelpText("after", examples)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      // The failure is thrown as well, and reported once, in our form.
      outputError: () => {},
    });
  addCommands(program, run);
  return program;
}

function parseFormat(text: string): string {
  if (text === "json" || text === "text") return text;
  throw new InvalidArgumentError("It takes text or json.");
}

/** Runs one command line. Returns the exit code; never rejects. */
export async function runProgram({ words, io, version }: ProgramInput): Promise<number> {
  let commandName = "";
  let exitCode = 0;
  const program = createProgram(io, version, async (command, act) => {
    commandName = command.name();
    const { endpoint, output, tokenFile, caFile } = command.optsWithGlobals<GlobalOptions>();
    const access = { tokenFile, caFile };
    const result = await act({ io, endpoint, access, isJson: output === "json" });
    exitCode = typeof result === "number" ? result : 0;
  });
  const rewritten = rewriteArgv(words, shapeOf(program));
  // Known before commander has read the options: a failure of theirs is to be JSON as well.
  const isJson = rewritten.includes("--output=json");
  try {
    await program.parseAsync(rewritten, { from: "user" });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportFailure(io.stderr, error, isJson);
    if (error.exitCode === 0) return 0;
    if (error.code === "commander.help") return usageExitCode;
    const named = commandName === "" ? findCommandName(program, rewritten) : commandName;
    return reportFailure(io.stderr, usageError(error, named), isJson);
  }
}

/** Exit code of a command line that is wrong; the table's for `invalid-request`. */
const usageExitCode = 2;

/** The command that was meant, for the pointer to its help; "" when none is, or help itself. */
function findCommandName(program: Command, words: readonly string[]): string {
  const command = program.commands.find(
    (known) => words.includes(known.name()) || known.aliases().some((name) => words.includes(name)),
  );
  return command === undefined || command.name() === "help" ? "" : command.name();
}

function usageError(error: CommanderError, commandName: string): ProblemError {
  const text = error.message.replace(/^error: /, "").replaceAll("\n", " ");
  const isExcess = error.code === "commander.excessArguments";
  const hint = isExcess ? " The name goes behind -n: -n NAME." : "";
  return new ProblemError({
    type: "about:blank",
    title: "the command line is wrong",
    status: 400,
    detail: `${text}${hint}`,
    code: "invalid-request",
    help: `\`mrr help${commandName === "" ? "" : ` ${commandName}`}\` shows what there is.`,
  });
}
