/**
 * Owns `mrr init`: tries an endpoint and remembers it. Called by program.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { MrrError, problemsText } from "@mr-redis/core";
import { createApiClient } from "../api/client.js";
import { clientLimits } from "../api/exchange.js";
import { parseProblem } from "../api/parse.js";
import { type Access, remember, resolveAccess } from "../endpoint/access.js";
import { ancestorFile, userFile, writeAncestorFile, writeUserFile } from "../endpoint/files.js";
import { parseEndpoints } from "../endpoint/parse.js";
import { ProblemError } from "../failure.js";
import type { CommandContext } from "./context.js";

/**
 * Remembers `url` (one, or several with commas) when a scheduler of mr-redis answers there: nothing is written before
 * (the ancestor emptied its file first). `--token-file` and `--ca-file` are remembered with it. Nothing on stdout, as the ancestor.
 */
export async function runInit(context: CommandContext, url: string | undefined): Promise<void> {
  const { io } = context;
  const endpoint = parseEndpoints("The endpoint", url ?? "");
  if (!endpoint.ok) throw new MrrError("invalid-request", problemsText(endpoint.problems));
  const urls = endpoint.value;
  const text = urls.join(",");
  const source = "from the command line";
  const access = await resolveAccess(io, context.access, { urls, source });
  await tryEndpoint(urls, access);
  try {
    await writeUserFile(io, text);
    await remember(io, text, context.access);
  } catch (error) {
    const what = `Unable to create config file ${userFile(io)}: ${codeOf(error)}`;
    throw new MrrError("invalid-request", what, { cause: error });
  }
  io.stderr.write(`Commands of this user now go to ${text} (${userFile(io)}).\n`);
  // The ancestor knows one.
  const because = await writeAncestorFile(io, urls[0] ?? "");
  if (because !== null) {
    io.stderr.write(`Note: ${ancestorFile(io)} is left alone: ${because}.\n`);
  }
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? "unknown error";

async function tryEndpoint(urls: readonly string[], access: Access): Promise<void> {
  const endpoint = { urls, source: "from the command line" };
  const client = createApiClient(endpoint, clientLimits, access);
  try {
    const { status, json, url } = await client.send({ method: "GET", path: "/v2/version" });
    const isJson = typeof json === "object" && json !== null;
    // 5xx with a reason: it is one, and has no leader or no store just now.
    if (isJson && (status === 200 || status >= 500)) return;
    const problem = parseProblem(json);
    if (problem !== null && (status === 401 || status === 403)) {
      throw new ProblemError({ ...problem, status });
    }
    const text = `${url} answers, but not as a scheduler of mr-redis (GET /v2/version: ${status})`;
    throw new MrrError("unreachable-endpoint", text);
  } finally {
    client.close();
  }
}
