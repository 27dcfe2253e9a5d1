/**
 * Owns what mrr-local and its program of stub executors say to each other: JSON lines over stdin and stdout.
 * Not: who says it (host.ts, main.ts). Called by both.
 * SPDX-License-Identifier: Apache-2.0
 */

/** From mrr-local: an executor begins, with the environment that a real one would get, or ends at once. */
export type StubOrder =
  | {
      readonly type: "start";
      readonly containerId: string;
      readonly environment: Readonly<Record<string, string>>;
    }
  | { readonly type: "end"; readonly containerId: string };

/** To mrr-local: an executor has ended. `status` is a raw wait status. */
export interface StubNote {
  readonly type: "ended";
  readonly containerId: string;
  readonly status: number;
}

/** A message as one line. */
export const lineOf = (message: StubOrder | StubNote): string => `${JSON.stringify(message)}\n`;

/** Cuts a stream of text into lines and gives each whole one, parsed, to `take`. Both sides are the same build. */
export function lineReader<Message>(take: (message: Message) => void): (text: string) => void {
  let held = "";
  return (text) => {
    const lines = `${held}${text}`.split("\n");
    held = lines.pop() ?? "";
    for (const line of lines) take(JSON.parse(line));
  };
}
