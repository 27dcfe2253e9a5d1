/**
 * Owns where things lie in etcd: the names of our keys, and what is ours in what is read there.
 * Not: reading or writing. Called by the etcd driver.
 *
 *     <prefix>/instance/<name>  <prefix>/framework  <prefix>/leader (with its lease)  <prefix>/term
 *
 * Everything else below the prefix is somebody else's.
 * SPDX-License-Identifier: Apache-2.0
 */
import { Buffer } from "node:buffer";
import { MrrError, withoutSlashes } from "@mr-redis/core";
import type { IKeyValue } from "etcd3";
import { isDocumentKey } from "../change.js";
import type { DocumentKey, LeaderRecord, StoredDocument } from "../port.js";

/** Names of our keys under one prefix. */
export class EtcdKeys {
  readonly leader: Buffer;
  readonly term: Buffer;
  /** One range that holds all documents: from `framework` to the last `instance/...`; others' keys may lie in it. */
  readonly documents: { readonly start: Buffer; readonly end: Buffer };
  readonly #prefix: string;

  /** Throws MrrError `config-invalid` when the prefix is no text that could be one. */
  constructor(prefix: string) {
    this.#prefix = withoutSlashes(prefix);
    if (!/^[\w./-]{1,200}$/.test(this.#prefix)) {
      const rule = "has 1 to 200 letters, digits and . _ - /";
      throw new MrrError("config-invalid", `the root of the keys in etcd ${rule}`);
    }
    this.leader = Buffer.from(`${this.#prefix}/leader`);
    this.term = Buffer.from(`${this.#prefix}/term`);
    // "0" follows "/": the end of all that begins with "instance/".
    this.documents = { start: this.of("framework"), end: Buffer.from(`${this.#prefix}/instance0`) };
  }

  /** The key of a document in etcd. */
  of(key: DocumentKey): Buffer {
    return Buffer.from(`${this.#prefix}/${key}`);
  }

  /** The document that a key of etcd is, or null when it is none of ours. */
  documentKey(key: Buffer): DocumentKey | null {
    const text = key.toString("utf8");
    if (!text.startsWith(`${this.#prefix}/`) || !Buffer.from(text).equals(key)) return null;
    const name = text.slice(this.#prefix.length + 1);
    return isDocumentKey(name) ? name : null;
  }
}

/** A key's value as text; null when it is not UTF-8, so not ours. */
export function textOf(value: Buffer): string | null {
  const text = value.toString("utf8");
  return Buffer.from(text).equals(value) ? text : null;
}

/** A document as etcd holds it; null when its value is no text. */
export function documentOf(key: DocumentKey, pair: IKeyValue): StoredDocument | null {
  const value = textOf(pair.value);
  return value === null ? null : { key, revision: pair.mod_revision, value };
}

/** What the key `leader` says. */
export const encodeLeader = (record: LeaderRecord): Buffer =>
  Buffer.from(JSON.stringify({ holder: record.holder, term: record.term }));

/** Reads the key `leader`; null when it holds something else. */
export function decodeLeader(value: Buffer): LeaderRecord | null {
  try {
    const { holder, term }: { holder: unknown; term: unknown } = JSON.parse(value.toString("utf8"));
    if (typeof holder !== "string" || !isTerm(term)) return null;
    return { holder, term };
  } catch {
    return null;
  }
}

/** Reads the key `term`; null when it holds something else. */
export function decodeTerm(value: Buffer): number | null {
  const text = value.toString("utf8");
  const term = Number(text);
  return /^\d{1,16}$/.test(text) && isTerm(term) ? term : null;
}

const isTerm = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 1;
