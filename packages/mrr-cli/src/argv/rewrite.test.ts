/**
 * Tests of the old command lines: each row is what a person types and what commander gets.
 * SPDX-License-Identifier: Apache-2.0
 */
import { Command } from "commander";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addCommands } from "../commands/define.js";
import { type ArgvShape, parseTruth, rewriteArgv } from "./rewrite.js";
import { shapeOf } from "./shape.js";

const program = new Command("mrr")
  .version("1", "-v, --version")
  .option("-e, --endpoint <url>")
  .option("-o, --output <format>");
addCommands(program, async () => {});
const shape = shapeOf(program);

const split = (line: string): string[] => (line === "" ? [] : line.split(" "));

const rows: readonly (readonly [typed: string, given: string])[] = [
  ["", ""],
  ["create -n inst -m 200 -s 1 -w", "create --name=inst --memory=200 --slaves=1 --wait=true"],
  ["c --name inst --wait", "c --name=inst --wait=true"],
  // As the ancestor's README has them.
  [
    "create -n hello50 -m 100 -s 50 -w true",
    "create --name=hello50 --memory=100 --slaves=50 --wait=true",
  ],
  ["create -name foo -memory=200", "create --name=foo --memory=200"],
  [
    "create -name foo -memory 200 -slaves 3 -wait",
    "create --name=foo --memory=200 --slaves=3 --wait=true",
  ],
  // Go does not count dashes.
  ["create --n foo --m=200 --s 3 --w", "create --name=foo --memory=200 --slaves=3 --wait=true"],
  // The ancestor ignored everything behind `-w true`.
  ["create -n x -w true -m 500", "create --name=x --wait=true --memory=500"],
  ["create -w true -n x", "create --wait=true --name=x"],
  ["create -w false -n x", "create --wait=false --name=x"],
  ["create -n x --wait=false", "create --name=x --wait=false"],
  ["create -n x -w=0", "create --name=x --wait=0"],
  ["create -n x -w=maybe", "create --name=x --wait=maybe"],
  ["create -n x -w T", "create --name=x --wait=T"],
  ["create -w -n x", "create --wait=true --name=x"],
  // A value may look like an option, if it is none.
  ["create -n x -s -1", "create --name=x --slaves=-1"],
  ["create -n x -f -strange", "create --name=x --file=-strange"],
  ["create -f=a=b", "create --file=a=b"],
  ["create -f -", "create --file=-"],
  // Forgotten values come out empty, and each option says what it takes.
  ["create -n -w", "create --name= --wait=true"],
  ["create -n", "create --name="],
  ["create -m --slaves=2", "create --memory= --slaves=2"],
  // A number that sticks to its letter.
  ["create -n x -m200 -s3", "create --name=x --memory=200 --slaves=3"],
  // Typing mistakes keep their name: commander would read -nmae as -n mae.
  ["create -nmae foo", "create --nmae foo"],
  ["create -ninst", "create --ninst"],
  ["create --mem 200", "create --mem 200"],
  ["create -x", "create --x"],
  ["create -wn foo", "create --wn foo"],
  // Global options before and after the command.
  ["-e http://h:1 status -n x", "--endpoint=http://h:1 status --name=x"],
  ["status -n x -endpoint=http://h:1", "status --name=x --endpoint=http://h:1"],
  ["status -n x -output json", "status --name=x --output=json"],
  ["list -o=json", "list --output=json"],
  // Options of one command are none of another.
  ["delete -n x -m 5", "delete --name=x --m 5"],
  ["-n x status", "--n x status"],
  // Help and version.
  ["-h", "--help"],
  ["-help", "--help"],
  ["create -help", "create --help"],
  ["--help=true", "--help"],
  ["-v", "--version"],
  ["-version", "--version"],
  ["help create", "help create"],
  // Positional words stay, options behind them are read.
  ["init http://h:5656 -o json", "init http://h:5656 --output=json"],
  ["status foo -n x", "status foo --name=x"],
  // After two dashes nothing is an option.
  ["status -n x -- -n y", "status --name=x -- -n y"],
  ["-", "-"],
  ["unknown -n x", "unknown --n x"],
  ["up -agents 5 -data-dir=d -exit-with-parent", "up --agents=5 --data-dir=d --exit-with-parent"],
  ["up --http-port 5700 --ports 1-2", "up --http-port=5700 --ports=1-2"],
];

test.each(rows)("mrr %s", (typed, given) => {
  expect(rewriteArgv(split(typed), shape)).toEqual(split(given));
});

test("the shape that is read from commander", () => {
  const small = new Command()
    .option("-n, --name <name>")
    .option("-w, --wait [true|false]")
    .option("--plain");
  const root = new Command("root").option("-o, --output <format>");
  root.addCommand(small.name("make").alias("m"));
  expect(shapeOf(root)).toEqual({
    options: [
      { long: "output", short: "o", kind: "value" },
      { long: "help", short: "h", kind: "plain" },
    ],
    commands: [
      {
        names: ["make", "m"],
        options: [
          { long: "name", short: "n", kind: "value" },
          { long: "wait", short: "w", kind: "switch" },
          { long: "plain", short: null, kind: "plain" },
        ],
      },
    ],
  } satisfies ArgvShape);
});

test("the words for true and false are Go's", () => {
  expect(["1", "t", "T", "TRUE", "true", "True"].map(parseTruth)).toEqual(Array(6).fill(true));
  expect(["0", "f", "F", "FALSE", "false", "False"].map(parseTruth)).toEqual(Array(6).fill(false));
  expect(["yes", "", "tRUE", "2"].map(parseTruth)).toEqual(Array(4).fill(null));
});

describe("for all command lines", () => {
  const word = fc.oneof(
    fc.constantFrom("create", "status", "-n", "--name", "-w", "true", "-m=1", "--", "-", "x"),
    fc.string({ maxLength: 8 }),
  );

  test("no option comes out with one dash, so commander never guesses", () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), (words) => {
        const out = rewriteArgv(words, shape);
        const end = out.indexOf("--");
        const options = (end < 0 ? out : out.slice(0, end)).filter((text) => text !== "-");
        expect(options.filter((text) => /^-[^-]/.test(text))).toEqual([]);
      }),
    );
  });

  test("rewriting twice changes nothing", () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), (words) => {
        const once = rewriteArgv(words, shape);
        expect(rewriteArgv(once, shape)).toEqual(once);
      }),
    );
  });
});
