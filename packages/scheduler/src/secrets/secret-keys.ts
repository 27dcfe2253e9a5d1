/**
 * Owns the sealing of secrets for the store (AES-256-GCM) with the keys of a key file, and the opening of what was sealed.
 * Not: the file (key-file.ts, open-keys.ts), nor which fields are secrets (core's codecs).
 * Made by open-keys.ts; used wherever records are written or read.
 *
 * A sealed text is `sealed:1:<key id>:<base64url of nonce, cipher text, tag>`. The store's key of its record is bound to
 * it (associated data): moved to another record it does not open. 2^32 random nonces are safe with one key.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { assert, type OpenSecret, type SealSecret, type Secret } from "@mr-redis/core";
import type { DocumentKey } from "@mr-redis/store";
import type { SealingKey } from "./key-file.js";

const algorithm = "aes-256-gcm";
const nonceBytes = 12;
const tagBytes = 16;

const sealedPattern = /^sealed:1:([0-9a-f]{8}):([A-Za-z0-9_-]+)$/;

/**
 * Sealed texts that are remembered, so that a record that changes is not sealed anew each time: those of 2,000 instances
 * of the usual size, in 10 MB.
 */
export const rememberedMax = 20_000;

/** Seals and opens what the store must not have in the clear. */
export interface Sealing {
  readonly seal: SealSecret;
  readonly open: OpenSecret;
}

/** What became of an attempt to open. unknown-key: no such key is here; broken: it was changed, or is another record's. */
export type Opened =
  | { readonly type: "opened"; readonly plain: Secret; readonly isCurrent: boolean }
  | { readonly type: "unknown-key"; readonly keyId: string }
  | { readonly type: "broken" };

/** The keys in force. */
export class SecretKeys {
  #keys: readonly SealingKey[];
  /** By place and plain text; in the order of their last use. */
  readonly #remembered = new Map<string, string>();

  /** The first key seals, every one opens; none: nothing is sealed, and nothing sealed can be opened. */
  constructor(keys: readonly SealingKey[]) {
    this.#keys = keys;
  }

  /** Of every key, the one that seals first. */
  get ids(): readonly string[] {
    return this.#keys.map(({ id }) => id);
  }

  /** False: secrets are stored as they are. */
  get areKept(): boolean {
    return this.#keys.length > 0;
  }

  /** Other keys are in force from now on. */
  replace(keys: readonly SealingKey[]): void {
    this.#keys = keys;
    this.#remembered.clear();
  }

  /** For the record of this key; null where there is no key to seal with. */
  sealingOf(place: DocumentKey): Sealing | null {
    if (!this.areKept) return null;
    return {
      seal: (plain) => this.#seal(place, plain),
      open: (text) => {
        const opened = this.open(place, text);
        return opened.type === "opened" ? opened.plain : null;
      },
    };
  }

  /** Opens a sealed text of the record of this key. */
  open(place: DocumentKey, text: string): Opened {
    const [, keyId, payload] = sealedPattern.exec(text) ?? [];
    if (keyId === undefined || payload === undefined) return { type: "broken" };
    const at = this.#keys.findIndex(({ id }) => id === keyId);
    const found = this.#keys[at];
    if (found === undefined) return { type: "unknown-key", keyId };
    const bytes = Buffer.from(payload, "base64url");
    // One form only: the last digit may have bits that mean nothing.
    const isWhole = bytes.length >= nonceBytes + tagBytes;
    if (!isWhole || bytes.toString("base64url") !== payload) return { type: "broken" };
    const nonce = bytes.subarray(0, nonceBytes);
    const decipher = createDecipheriv(algorithm, found.key, nonce, { authTagLength: tagBytes });
    decipher.setAAD(boundTo(place, keyId));
    decipher.setAuthTag(bytes.subarray(-tagBytes));
    try {
      const sealed = bytes.subarray(nonceBytes, -tagBytes);
      const plain = decipher.update(sealed, undefined, "utf8") + decipher.final("utf8");
      const isCurrent = at === 0;
      if (isCurrent) this.#remember(memoryKey(place, plain), text);
      return { type: "opened", plain, isCurrent };
    } catch {
      return { type: "broken" };
    }
  }

  #seal(place: DocumentKey, plain: Secret): string {
    const [key] = this.#keys;
    assert(key !== undefined, "there is a key to seal with");
    const remembered = memoryKey(place, plain);
    const known = this.#remembered.get(remembered);
    if (known !== undefined) {
      this.#remember(remembered, known);
      return known;
    }
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv(algorithm, key.key, nonce, { authTagLength: tagBytes });
    cipher.setAAD(boundTo(place, key.id));
    const sealed = [cipher.update(plain, "utf8"), cipher.final()];
    const payload = Buffer.concat([nonce, ...sealed, cipher.getAuthTag()]).toString("base64url");
    const text = `sealed:1:${key.id}:${payload}`;
    this.#remember(remembered, text);
    return text;
  }

  #remember(key: string, text: string): void {
    this.#remembered.delete(key);
    this.#remembered.set(key, text);
    if (this.#remembered.size <= rememberedMax) return;
    const oldest = this.#remembered.keys().next();
    if (oldest.done !== true) this.#remembered.delete(oldest.value);
  }
}

/** Names and places have no line end. */
const memoryKey = (place: DocumentKey, plain: Secret): string => `${place}\n${plain}`;

const boundTo = (place: DocumentKey, keyId: string): Buffer =>
  Buffer.from(`mr-redis sealed 1\n${keyId}\n${place}`, "utf8");
