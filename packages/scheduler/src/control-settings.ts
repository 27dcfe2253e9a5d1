/**
 * Owns what the decision core is set to in one reign: made of the configuration, with the randomness that it may not have.
 * Not: the core. Called by reign.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createHash, randomBytes, randomUUID } from "node:crypto";
import {
  type Config,
  type ControlSettings,
  executorNeed,
  fencingRules,
  redisMemoryNeedMilli,
  type UserPassword,
} from "@mr-redis/core";

/** Bytes of a password between redis-servers: beyond any guessing. */
const secretBytes = 24;

/** Bytes of a password that clients log in with. */
const userSecretBytes = 32;

function nextUserPassword(): UserPassword {
  const secret = randomBytes(userSecretBytes).toString("base64url");
  return { secret, hash: createHash("sha256").update(secret).digest("hex") };
}

/** The settings; `executorId` is that of the usual executor (mesos/executor-forms.ts); `secretsKept`: there is a key file. */
export const controlSettings = (
  config: Config,
  term: number,
  executorId: string,
  secretsKept: boolean,
): ControlSettings => ({
  term,
  executorId,
  runtime: config.runtime,
  executorNeed: executorNeed(config),
  redisCpusMilli: config.redisCpusMilli,
  memoryNeedMilli: (memoryMib: number) => redisMemoryNeedMilli(config, memoryMib),
  deletedKeepMs: config.deletedKeepMs,
  launchTimeoutMs: config.launchTimeoutMs,
  reviveBurst: config.reviveBurst,
  reviveIntervalMs: config.reviveIntervalMs,
  offerHoldMs: config.offerHoldMs,
  lagMs: config.fencingLagMs,
  marginMs: config.fencingMarginMs,
  replicaSilenceMs: config.replicaSilenceMs,
  executorSilenceMs: config.executorSilenceMs,
  masterLeaseMs: config.masterLeaseMs,
  replaceUnreachableMs: config.replaceUnreachableMs,
  resyncsMax: config.resyncsMax,
  proxyPorts: config.proxyPorts,
  rules: fencingRules,
  nextId: randomUUID,
  nextSecret: () => randomBytes(secretBytes).toString("hex"),
  nextUserPassword,
  secretsKept,
  certificatesGiven: config.redisTlsDirectory !== "",
});
