/**
 * Owns what every driver refuses before it looks at anything stored, so that all refuse the same.
 * Not: what is compared with stored revisions (the drivers). Called by every driver.
 * SPDX-License-Identifier: Apache-2.0
 */
import { Buffer } from "node:buffer";
import { type Change, type DocumentKey, documentBytesMax, keyBytesMax } from "./port.js";

/** Half a surrogate pair: has no UTF-8 form, so different texts would be stored as the same bytes. */
const loneSurrogate = /\p{Cs}/u;

const instancePrefix = "instance/";

/** True for `framework` and `instance/<name>` with a name of any well-formed text but the empty one. */
export const isDocumentKey = (key: string): key is DocumentKey =>
  (key === "framework" || (key.startsWith(instancePrefix) && key !== instancePrefix)) &&
  !loneSurrogate.test(key);

/** Why `change` can never be stored, or null. */
export function refusalOf(change: Change): "too-large" | "unacceptable" | null {
  if (Buffer.byteLength(change.key) > keyBytesMax) return "too-large";
  if (!isDocumentKey(change.key)) return "unacceptable";
  if (change.value === null) return null;
  if (Buffer.byteLength(change.value) > documentBytesMax) return "too-large";
  return loneSurrogate.test(change.value) ? "unacceptable" : null;
}
