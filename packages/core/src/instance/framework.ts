/**
 * Owns the stored document of the framework: under which id the scheduler registered, whether Mesos has removed it, and which
 * upgrade of executors was wished.
 * Shape and encoding. Not: when it is written (the scheduler, before it acts on its first subscription).
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "../assert.js";
import { certificatePem } from "../certificates/codec.js";
import type { Secret } from "../goal/types.js";
import { type Parsed, problemsText } from "../result.js";
import {
  amount,
  bool,
  decodeVersioned,
  exactly,
  failed,
  matching,
  nullable,
  object,
  optional,
  readVersioned,
  type Shape,
  text,
  word,
} from "../shape.js";
import type { UpgradeWish } from "../upgrade/types.js";
import { sealedPrefix } from "./codec.js";

/** The authority that signs certificates for Redis. */
export interface CertificateAuthority {
  /** PEM, signed by itself: whom clients trust. */
  readonly certificate: string;
  /** PEM of its private key, sealed; in the clear it is in the memory of the scheduler that leads, and nowhere else. */
  readonly key: Secret;
}

/** The stored document of the framework: version 2; 3 with an upgrade; 4 with an authority, and perhaps an upgrade. */
export interface FrameworkDocument {
  readonly version: 2 | 3 | 4;
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
  /** Made when Redis first speaks TLS by it; absent before. Outlives the framework. */
  readonly authority?: CertificateAuthority;
}

const versionMax = 4;

const fields = {
  frameworkId: word,
  frameworkName: text,
  user: text,
  createdAtMs: amount,
  removedAtMs: nullable(amount),
};

const upgrade = object<UpgradeWish>({ version: word, paused: bool, atMs: amount });

/** Never in the clear: it would be in every dump of the store. */
const sealedKey = matching(
  `must begin with ${sealedPrefix}`,
  new RegExp(`^${sealedPrefix}[\\x21-\\x7e]{1,8192}$`),
);

type Only<
  Present extends "upgrade" | "authority",
  Absent extends "upgrade" | "authority" = never,
> = Omit<FrameworkDocument, Present | Absent> & Required<Pick<FrameworkDocument, Present>>;

const fourth = object<Only<"authority">>({
  ...fields,
  version: exactly(4),
  upgrade: optional(upgrade),
  authority: object<CertificateAuthority>({ certificate: certificatePem, key: sealedKey }),
});

const third = object<Only<"upgrade", "authority">>({ ...fields, version: exactly(3), upgrade });

const second = object<Omit<FrameworkDocument, "upgrade" | "authority">>({
  ...fields,
  version: exactly(2),
});

const present: Shape<FrameworkDocument> = (value, path, problems) =>
  (isVersion(value, 4) ? fourth : isVersion(value, 3) ? third : second)(value, path, problems);

/** Version 1 knew no removal. */
const first = object<
  { version: 1 } & Omit<FrameworkDocument, "version" | "removedAtMs" | "upgrade" | "authority">
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

/** The document with `change`, in the oldest version that can hold it: an older program reads what it can. */
export function changedFramework(
  document: FrameworkDocument,
  change: Partial<Omit<FrameworkDocument, "version">>,
): FrameworkDocument {
  const changed = { ...document, ...change };
  const version = changed.authority !== undefined ? 4 : changed.upgrade !== undefined ? 3 : 2;
  return { ...changed, version };
}

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
