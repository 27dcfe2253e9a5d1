/**
 * Owns what tests do differently where a run has everything on: creates ask for Auth and Tls, clients log in and trust the
 * authority of the instance. In a plain run all of it is nothing.
 * Not: certificates and tokens of the API (packages/testing). Called by look.ts, redis-client.ts and tests of e2e.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type RunningUp, type RunResult, run, secureRun } from "@mr-redis/testing";

/** How a client gets in: options of ioredis beside the address. */
export interface RedisLogin {
  readonly username?: string;
  readonly password?: string;
  readonly tls?: { readonly ca: string };
}

/** What a create asks for beside, in a body of the ancestor's route. */
export const createOptions = (): Readonly<Record<string, true>> =>
  secureRun() === null ? {} : { Auth: true, Tls: true };

/** The same for `mrr create`. */
export const createFlags = (): readonly string[] =>
  secureRun() === null ? [] : ["--auth", "--tls"];

/** What of `/v2/instances/{name}/connection` a client needs to get in. */
interface Connection {
  readonly user: string | null;
  readonly password: string | null;
  readonly ca: string | null;
}

/** How clients get into an instance now; null in a plain run: as they are. */
export async function loginOf(up: RunningUp, name: string): Promise<RedisLogin | null> {
  if (secureRun() === null) return null;
  const path = `/v2/instances/${name}/connection`;
  const answer = await up.api("GET", path);
  // Deleted: nobody gets in.
  if (answer.status === 409) return {};
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.text}`);
  return loginIn(answer.json as Connection);
}

const loginIn = ({ user, password, ca }: Connection): RedisLogin => ({
  ...(user === null ? {} : { username: user }),
  ...(password === null ? {} : { password }),
  ...(ca === null ? {} : { tls: { ca } }),
});

/** Runs redis-cli at a port of this machine. A password goes by the environment, never by the command line. */
export function redisCli(
  port: string | number,
  login: RedisLogin | null,
  ...words: string[]
): Promise<RunResult> {
  const { username, password, tls } = login ?? {};
  const flags = username === undefined ? [] : ["--user", username, "--no-auth-warning"];
  if (tls !== undefined) flags.push("--tls", "--cacert", caFileOf(tls.ca));
  const env = { ...process.env, ...(password === undefined ? {} : { REDISCLI_AUTH: password }) };
  return run({ command: "redis-cli", args: ["-p", String(port), ...flags, ...words], env });
}

function caFileOf(ca: string): string {
  const secure = secureRun();
  if (secure === null) throw new Error("nothing is on");
  return secure.write("redis-ca.pem", ca);
}
