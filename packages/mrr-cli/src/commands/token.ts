/**
 * Owns `mrr token`: makes a token, keeps it in a file, and prints the line by which a scheduler knows it.
 * Not: using one (endpoint/access.ts). Asks no scheduler. Called by define.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createHash, randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { MrrError, parseTokenFile, problemsText, roles, tokenLine } from "@mr-redis/core";
import type { Io } from "../io.js";

/** What is asked for; undefined: not given. */
export interface TokenWish {
  readonly name: string | undefined;
  readonly role: string | undefined;
  readonly out: string | undefined;
}

/** Random bytes of a token: nobody guesses 256 bits, so its hash needs no salt. */
const tokenBytes = 32;

/**
 * Writes a new token to `out`, for its owner alone, and the line for `HTTPTokenFile` to stdout. The token itself is shown
 * nowhere: a terminal remembers. Throws MrrError `invalid-request`; a file that exists is not touched.
 */
export async function runToken(io: Io, { name, role = "read", out }: TokenWish): Promise<void> {
  if (name === undefined || out === undefined) {
    throw new MrrError("invalid-request", "A token needs an owner and a file: -n NAME --out FILE");
  }
  const known = roles.find((each) => each === role);
  if (known === undefined) {
    throw new MrrError("invalid-request", `The role must be ${roles.join(", ")}, not ${role}`);
  }
  const token = `mrr_${randomBytes(tokenBytes).toString("base64url")}`;
  const line = tokenLine({
    name,
    role: known,
    sha256: createHash("sha256").update(token).digest("hex"),
  });
  const read = parseTokenFile(line);
  if (!read.ok) {
    const rule = "must be 1 to 64 letters, digits, dots, dashes, underscores and @";
    throw new MrrError("invalid-request", `The name ${rule}: ${problemsText(read.problems)}`);
  }
  try {
    await writeFile(resolve(io.cwd, out), `${token}\n`, { mode: 0o600, flag: "wx" });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const text = `Unable to create ${out}: ${code === "EEXIST" ? "it exists" : code}`;
    throw new MrrError("invalid-request", text, { cause: error });
  }
  io.stdout.write(`${line}\n`);
  io.stderr.write(
    `The token of ${name} is in ${out}; the line goes into the scheduler's HTTPTokenFile.\n`,
  );
}
