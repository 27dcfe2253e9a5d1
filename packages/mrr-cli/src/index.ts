/**
 * Owns the public surface: the command line as a function. Called by tests.
 * SPDX-License-Identifier: Apache-2.0
 */
export type { Io, Output } from "./io.js";
export { type ProgramInput, runProgram } from "./program.js";
