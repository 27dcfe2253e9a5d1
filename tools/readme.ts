/**
 * Owns the README's example: which commands it shows, and how their output is made the same on every run.
 * Not: running them (e2e/src/readme.test.ts does, and compares or, with -u, writes).
 * SPDX-License-Identifier: Apache-2.0
 */

/** Lines between which the example stands in README.md. */
export const exampleMarks = {
  begin: "<!-- example: made by e2e/src/readme.test.ts -->",
  end: "<!-- end of example -->",
} as const;

/** One command of the example and what it printed on both streams. */
export interface ExampleStep {
  readonly command: string;
  readonly output: string;
}

/**
 * Ports differ from run to run: the first that is seen is shown as 6379, the next as 6380, and so on; those of addresses at
 * the proxy from 20000.
 */
export function normalisePorts(steps: readonly ExampleStep[]): ExampleStep[] {
  const shown = new Map<string, string>();
  for (const { output } of steps) {
    for (const [, port = ""] of output.matchAll(/^(?:Read a|A)ddress = 127\.0\.0\.1:(\d+)/gm)) {
      if (!shown.has(port)) shown.set(port, String(20_000 + shown.size));
    }
  }
  const atProxy = shown.size;
  const replace = (port: string): string => {
    const known = shown.get(port) ?? String(6379 + shown.size - atProxy);
    shown.set(port, known);
    return known;
  };
  // The status prints ports as address:port; they are known before a command names one.
  for (const step of steps) {
    for (const [, port] of step.output.matchAll(/127\.0\.0\.1:(\d+)/g)) replace(port ?? "");
  }
  const normalise = (text: string): string =>
    text
      .replace(/127\.0\.0\.1:(\d+)/g, (_all, port: string) => `127.0.0.1:${replace(port)}`)
      .replace(/(-p )(\d+)/g, (_all, flag: string, port: string) => `${flag}${replace(port)}`)
      // A dot for each second of waiting.
      .replace(/^(Instance Creation accepted\.\.)\.*$/m, "$1");
  return steps.map(({ command, output }) => ({
    command: normalise(command),
    output: normalise(output),
  }));
}

/** The example as it stands in the README, marks included. */
export function renderExample(steps: readonly ExampleStep[]): string {
  const lines = normalisePorts(steps).flatMap(({ command, output }) => [
    `$ ${command}`,
    ...output.trimEnd().split("\n"),
  ]);
  return [exampleMarks.begin, "```console", ...lines, "```", exampleMarks.end].join("\n");
}

/** The README with its example replaced; throws when it has no place for one. */
export function withExample(readme: string, example: string): string {
  const begin = readme.indexOf(exampleMarks.begin);
  const end = readme.indexOf(exampleMarks.end);
  if (begin < 0 || end < begin) throw new Error("README.md has no marks for its example");
  return readme.slice(0, begin) + example + readme.slice(end + exampleMarks.end.length);
}
