/**
 * Owns which scheduler a command talks to: a flag, MRR_ENDPOINT, the user's file, the ancestor's file, the default.
 * Not: reading files safely (files.ts). Called by every command that calls the API.
 * SPDX-License-Identifier: Apache-2.0
 */
import { MrrError, problemsText } from "@mr-redis/core";
import type { Io } from "../io.js";
import { ancestorFile, readAncestorFile, readUserFile, userFile } from "./files.js";
import { endpointDefault, parseEndpoints } from "./parse.js";

/** The schedulers of one cluster, and where they were named, for error texts: "from MRR_ENDPOINT". */
export interface Endpoint {
  /** In the order in which they are tried; at least one. */
  readonly urls: readonly string[];
  readonly source: string;
}

/** The endpoint that counts. Throws MrrError `invalid-request` when the one that counts is none. */
export async function resolveEndpoint(io: Io, flag: string | undefined): Promise<Endpoint> {
  if (flag !== undefined) return checked(flag, "--endpoint");
  const variable = io.env.MRR_ENDPOINT;
  if (variable !== undefined && variable !== "") return checked(variable, "MRR_ENDPOINT");
  const own = await readUserFile(io);
  if (own.type === "content") return checked(own.text, userFile(io));
  if (own.type === "distrusted") note(io, userFile(io), own.because);
  const old = await readAncestorFile(io);
  if (old.type === "content") return checked(old.text, ancestorFile(io) ?? "");
  if (old.type === "distrusted") note(io, ancestorFile(io) ?? "", old.because);
  return { urls: [endpointDefault], source: "the default" };
}

const note = (io: Io, path: string, because: string): void =>
  io.stderr.write(`Note: ${path} is ignored: ${because}.\n`);

function checked(text: string, source: string): Endpoint {
  const endpoint = parseEndpoints(`The endpoint from ${source}`, text);
  if (!endpoint.ok) throw new MrrError("invalid-request", problemsText(endpoint.problems));
  return { urls: endpoint.value, source: `from ${source}` };
}
