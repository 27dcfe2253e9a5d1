/**
 * Owns the error numbers of ZooKeeper that are told apart, and what each is to callers of the store.
 * Not: which of them a change can end with (writer.ts). Called by the modules of this driver.
 * SPDX-License-Identifier: Apache-2.0
 */
import { MrrError } from "@mr-redis/core";

/** From `zookeeper.h` of the C client; the package gives them as numbers, its errors have none. */
export const code = {
  ok: 0,
  connectionLoss: -4,
  operationTimeout: -7,
  invalidState: -9,
  noNode: -101,
  noAuth: -102,
  badVersion: -103,
  nodeExists: -110,
  notEmpty: -111,
  sessionExpired: -112,
  authFailed: -115,
  closing: -116,
  sessionMoved: -118,
} as const;

const names = new Map<number, string>(Object.entries(code).map(([name, value]) => [value, name]));

/** For people: `badVersion (-103)`. */
export const nameOf = (value: number): string => `${names.get(value) ?? "error"} (${value})`;

const ofConnection: ReadonlySet<number> = new Set([
  code.connectionLoss,
  code.operationTimeout,
  code.invalidState,
  code.sessionExpired,
  code.closing,
  code.sessionMoved,
]);

/** True when the call did not end by what the server said: it may or may not have had its effect. */
export const isLost = (value: number): boolean => ofConnection.has(value);

/** The connection was lost under a call. Never leaves the driver: calls are repeated, or end by their limit. */
export class ConnectionLost extends Error {}

/** The error of a call that tried to `what`. */
export function fromZookeeper(value: number, what: string): Error {
  if (isLost(value)) return new ConnectionLost(`${what}: ${nameOf(value)}`);
  if (value === code.noAuth || value === code.authFailed) {
    return new MrrError(
      "config-invalid",
      `ZooKeeper does not let us ${what}: DBUser or DBPassword is missing or wrong`,
    );
  }
  return new MrrError("store-unavailable", `ZooKeeper cannot ${what}: ${nameOf(value)}`);
}
