/**
 * Owns the composition of the command line as one file that needs no node beside it.
 * Not: `mrr up`, whose programs are other files; the bundler puts a refusal in its place. Bundled by tools/release.mjs.
 * SPDX-License-Identifier: Apache-2.0
 */
import { runHere } from "./machine.js";

/** Put in by the bundler. */
declare const mrrVersion: string;

void runHere(mrrVersion).then((exitCode) => {
  process.exitCode = exitCode;
});
