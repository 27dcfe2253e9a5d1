/**
 * Owns what every command gets, and the life of its HTTP client. Not: parsing words (program.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { MrrError } from "@mr-redis/core";
import { type ApiClient, createApiClient } from "../api/client.js";
import { resolveEndpoint } from "../endpoint/resolve.js";
import type { Io } from "../io.js";

/** What all commands get. */
export interface CommandContext {
  readonly io: Io;
  /** `--endpoint`, when given. */
  readonly endpoint: string | undefined;
  /** `--output json`: the API's JSON instead of texts. */
  readonly isJson: boolean;
}

/** Runs `use` with a client of the scheduler that counts, and closes it after. */
export async function withClient<T>(
  context: CommandContext,
  use: (client: ApiClient) => Promise<T>,
): Promise<T> {
  const client = createApiClient(await resolveEndpoint(context.io, context.endpoint));
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
