/**
 * Owns the stored document of the framework: under which id the scheduler registered. Shape and encoding.
 * Not: when it is written (the scheduler, before it acts on its first subscription).
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "../assert.js";
import { type Parsed, problemsText } from "../result.js";
import { amount, decodeVersioned, exactly, object, readVersioned, text, word } from "../shape.js";

/** The stored document of the framework: version 1. */
export interface FrameworkDocument {
  readonly version: 1;
  /** Given by the Mesos master at the first subscription; all later ones use it. */
  readonly frameworkId: string;
  readonly frameworkName: string;
  /** User that Mesos runs executors as. */
  readonly user: string;
  readonly createdAtMs: number;
}

const shape = object<FrameworkDocument>({
  version: exactly(1),
  frameworkId: word,
  frameworkName: text,
  user: text,
  createdAtMs: amount,
});

/** JSON text of a document. A document that could not be read back is a programmer error. */
export function encodeFramework(document: FrameworkDocument): string {
  const check = readVersioned(document, 1, shape);
  assert(check.ok, `framework: ${check.ok ? "" : problemsText(check.problems)}`);
  return JSON.stringify(document);
}

/** Reads what {@link encodeFramework} wrote. Strict, all problems with their paths, never throws; see `isNewerVersion`. */
export const decodeFramework = (json: string): Parsed<FrameworkDocument> =>
  decodeVersioned(json, 1, shape);
