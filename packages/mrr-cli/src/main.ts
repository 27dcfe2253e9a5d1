/**
 * Owns the composition of the command line as a program of node. Called by bin/mrr.js.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFileSync } from "node:fs";
import { runHere } from "./machine.js";

const manifest: unknown = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
);

process.exitCode = await runHere((manifest as { version: string }).version);
