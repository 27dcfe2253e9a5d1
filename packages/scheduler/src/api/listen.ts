/**
 * Owns the words for a server that cannot listen: which key of the configuration is meant, and what to do.
 * Not: the servers. Called by the API server and the artifact server.
 * SPDX-License-Identifier: Apache-2.0
 */
import { MrrError } from "@mr-redis/core";

/** Where a server listens. */
export interface ListenAddress {
  readonly host: string;
  /** 0 picks a free one (tests). */
  readonly port: number;
}

/** The keys of the configuration that an address came from. */
export interface ListenKeys {
  readonly port: "HTTPPort" | "ArtifactPort";
  readonly bind: string;
}

/** The error of a failed `listen` as one of ours: `port-taken`, else `config-invalid`. */
export function fromListenError(
  cause: unknown,
  { host, port }: ListenAddress,
  keys: ListenKeys,
): MrrError {
  const code = (cause as { code?: unknown } | null)?.code;
  const details = { host, port, key: keys.port };
  switch (code) {
    case "EADDRINUSE":
      return new MrrError(
        "port-taken",
        `${host}:${port} (${keys.port}) is taken by another program: stop that program or set ${keys.port} to a free port.`,
        { cause, details },
      );
    case "EACCES":
      return new MrrError(
        "config-invalid",
        `${host}:${port} (${keys.port}) may not be opened by this user: set ${keys.port} to a port from 1024 on.`,
        { cause, details },
      );
    default:
      return new MrrError(
        "config-invalid",
        `${host}:${port} cannot be opened (${String(code ?? cause)}): set ${keys.bind} to an address of this machine.`,
        { cause, details: { ...details, key: keys.bind } },
      );
  }
}
