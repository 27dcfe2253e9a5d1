/**
 * Owns the stored document of the framework: under which id the scheduler registered, whether Mesos has removed it, and which
 * upgrade of executors was wished.
 * Shape and encoding. Not: when it is written (the scheduler, before it acts on its first subscription).
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "../assert.js";
import { type Parsed, problemsText } from "../result.js";
import {
  amount,
  bool,
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
import type { UpgradeWish } from "../upgrade/types.js";

/** The stored document of the framework: version 2, or 3 with an upgrade. */
export interface FrameworkDocument {
  readonly version: 2 | 3;
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
  /** The last upgrade of executors that was wished; absent before the first one. */
  readonly upgrade?: UpgradeWish;
}

const versionMax = 3;

const fields = {
  frameworkId: word,
  frameworkName: text,
  user: text,
  createdAtMs: amount,
  removedAtMs: nullable(amount),
};

const third = object<Required<FrameworkDocument>>({
  ...fields,
  version: exactly(3),
  upgrade: object<UpgradeWish>({ version: word, paused: bool, atMs: amount }),
});

const second = object<Omit<FrameworkDocument, "upgrade">>({ ...fields, version: exactly(2) });

const present: Shape<FrameworkDocument> = (value, path, problems) =>
  (isVersion(value, 3) ? third : second)(value, path, problems);

/** Version 1 knew no removal. */
const first = object<
  { version: 1 } & Omit<FrameworkDocument, "version" | "removedAtMs" | "upgrade">
>({
  version: exactly(1),
  frameworkId: word,
  frameworkName: text,
  user: text,
  createdAtMs: amount,
});

function isVersion(value: unknown, version: number): boolean {
  return (
    typeof value === "object" && value !== null && "version" in value && value.version === version
  );
}

const shape: Shape<FrameworkDocument> = (value, path, problems) => {
  if (!isVersion(value, 1)) return present(value, path, problems);
  const read = first(value, path, problems);
  return read === failed ? failed : { ...read, version: 2, removedAtMs: null };
};

/** JSON text of a document. A document that could not be read back is a programmer error. */
export function encodeFramework(document: FrameworkDocument): string {
  const check = readVersioned(document, versionMax, present);
  assert(check.ok, `framework: ${check.ok ? "" : problemsText(check.problems)}`);
  return JSON.stringify(document);
}

/**
 * Reads what {@link encodeFramework} wrote, now or as an older version. Strict, all problems with their paths, never throws; see
 * `isNewerVersion`.
 */
export const decodeFramework = (json: string): Parsed<FrameworkDocument> =>
  decodeVersioned(json, versionMax, shape);
