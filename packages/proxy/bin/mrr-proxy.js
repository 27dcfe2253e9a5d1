#!/usr/bin/env node
/**
 * Owns the link that npm makes at install time, before anything is built.
 * Not: the program (src/), nor how it is found (tools/program.mjs).
 * SPDX-License-Identifier: Apache-2.0
 */
import { runProgram } from "../../../tools/program.mjs";

await runProgram("mrr-proxy", import.meta.url);
