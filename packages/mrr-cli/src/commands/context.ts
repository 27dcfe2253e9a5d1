/**
 * Owns what every command gets, and the life of its HTTP client. Not: parsing words (program.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { MrrError } from "@mr-redis/core";
import { type ApiClient, createApiClient } from "../api/client.js";
import { clientLimits } from "../api/exchange.js";
import { type AccessFiles, resolveAccess, tellExposure } from "../endpoint/access.js";
import { resolveEndpoint } from "../endpoint/resolve.js";
import type { Io } from "../io.js";

/** What all commands get. */
export interface CommandContext {
  readonly io: Io;
  /** `--endpoint`, when given. */
  readonly endpoint: string | undefined;
  /** `--token-file` and `--ca-file`. */
  readonly access: AccessFiles;
  /** `--output json`: the API's JSON instead of texts. */
  readonly isJson: boolean;
}

/** Runs `use` with a client of the scheduler that counts, and closes it after. */
export async function withClient<T>(
  context: CommandContext,
  use: (client: ApiClient) => Promise<T>,
): Promise<T> {
  const { io } = context;
  const endpoint = await resolveEndpoint(io, context.endpoint);
  const access = await resolveAccess(io, context.access, endpoint);
  tellExposure(io, access, endpoint);
  const client = createApiClient(endpoint, clientLimits, access);
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

/**
 * The name that a command needs. Which names are allowed is the scheduler's rule; here only what cannot be asked
 * for is refused: nothing, and the two names that mean another path in a URL.
 */
export function requireName(name: string | undefined): string {
  if (name === undefined || name === "" || name === "." || name === "..") {
    throw new MrrError("invalid-request", "Should have a valid name: -n NAME");
  }
  return name;
}

/** Below this age it is not asked further: a leader hears from its store more often. */
const stateAgeMsMin = 2_000;

/**
 * Says on stderr that the store is away and how old is what `client` has shown, when the scheduler that answered says
 * so: it leads no more, and shows what it last knew. (One that leads may hear from its store at long intervals.)
 */
export async function tellStateAge(io: Io, client: ApiClient): Promise<void> {
  const read = client.lastRead();
  const ageMs = read?.stateAgeMs ?? 0;
  if (read === null || ageMs < stateAgeMsMin) return;
  const answering = createApiClient(
    { urls: [read.url], source: "who answered" },
    clientLimits,
    client.access,
  );
  try {
    const { json } = await answering.send({ method: "GET", path: "/readyz" });
    const { role } = (typeof json === "object" && json !== null ? json : {}) as { role?: unknown };
    if (role === "leader") return;
  } catch {
    // It is gone by now: so it will not say that all is well.
  } finally {
    answering.close();
  }
  const age = Math.round(ageMs / 1_000);
  io.stderr.write(`Note: the store is away; this is what was known ${age} s ago.\n`);
}
