/**
 * Owns telling the release what a bundle was made of.
 * Called by packages/{executor,local,mrr-cli,proxy,scheduler}/bundle.mjs.
 * SPDX-License-Identifier: Apache-2.0
 */
import { writeFileSync } from "node:fs";

/** Writes esbuild's metafile where the second word of the command line says, if it does. */
export function noteParts({ metafile }) {
  const file = process.argv[3];
  if (file !== undefined) writeFileSync(file, JSON.stringify(metafile));
}
