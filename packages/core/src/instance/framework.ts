/**
 * Owns the stored document of the framework: under which id the scheduler registered, and whether Mesos has removed it.
 * Shape and encoding. Not: when it is written (the scheduler, before it acts on its first subscription).
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "../assert.js";
import { type Parsed, problemsText } from "../result.js";
import {
  amount,
  decodeVersioned,
  exactly,
  failed,
  nullable,
  object,
  readVersioned,
  type Shape,
  text,
  word,
} from "../shape.js";

/** The stored document of the framework: version 2. */
export interface FrameworkDocument {
  readonly version: 2;
  /** Given by the Mesos master at the first subscription; all later ones use it. */
  readonly frameworkId: string;
  readonly frameworkName: string;
  /** User that Mesos runs executors as. */
  readonly user: string;
  readonly createdAtMs: number;
  /**
   * When Mesos was found to have removed the framework, with everything that it ran; null while it has not. Nothing is
   * started for such a framework again: an operator must decide (`mrr-scheduler --new-framework`).
   */
  readonly removedAtMs: number | null;
}

const versionNow = 2;

const present = object<FrameworkDocument>({
  version: exactly(versionNow),
  frameworkId: word,
  frameworkName: text,
  user: text,
  createdAtMs: amount,
  removedAtMs: nullable(amount),
});

/** Version 1 knew no removal. */
const first = object<{ version: 1 } & Omit<FrameworkDocument, "version" | "removedAtMs">>({
  version: exactly(1),
  frameworkId: word,
  frameworkName: text,
  user: text,
  createdAtMs: amount,
});

const isFirst = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "version" in value && value.version === 1;

const shape: Shape<FrameworkDocument> = (value, path, problems) => {
  if (!isFirst(value)) return present(value, path, problems);
  const read = first(value, path, problems);
  return read === failed ? failed : { ...read, version: versionNow, removedAtMs: null };
};

/** JSON text of a document. A document that could not be read back is a programmer error. */
export function encodeFramework(document: FrameworkDocument): string {
  const check = readVersioned(document, versionNow, present);
  assert(check.ok, `framework: ${check.ok ? "" : problemsText(check.problems)}`);
  return JSON.stringify(document);
}

/**
 * Reads what {@link encodeFramework} wrote, now or as version 1. Strict, all problems with their paths, never throws; see
 * `isNewerVersion`.
 */
export const decodeFramework = (json: string): Parsed<FrameworkDocument> =>
  decodeVersioned(json, versionNow, shape);
