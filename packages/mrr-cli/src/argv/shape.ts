/**
 * Owns reading the shape of the command line from commander's own definition, so that it is written down once.
 * Not: what is done with it (rewrite.ts). Called by program.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Command, Option } from "commander";
import type { ArgvShape, OptionShape } from "./rewrite.js";

const helpShape: OptionShape = { long: "help", short: "h", kind: "plain" };

function optionShape(option: Option): OptionShape {
  const kind = option.required ? "value" : option.optional ? "switch" : "plain";
  return {
    long: (option.long ?? "").replace(/^--/, ""),
    short: option.short?.replace(/^-/, "") ?? null,
    kind,
  };
}

/** An option with `<value>` is a value, one with `[true|false]` a switch, one without either plain. */
export const shapeOf = (program: Command): ArgvShape => ({
  options: [...program.options.map(optionShape), helpShape],
  commands: program.commands.map((command) => ({
    names: [command.name(), ...command.aliases()],
    options: command.options.map(optionShape),
  })),
});
