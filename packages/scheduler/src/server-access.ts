/**
 * Owns the files that say who may use this scheduler's servers and by which certificates it is known; those that change
 * come into force without a restart. Not: the servers (api/, artifact/). Called by scheduler.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Clock, type Config, tokenFileBytesMax } from "@mr-redis/core";
import type { ApiServer } from "./api/server.js";
import { type Tokens, tokensOf } from "./api/tokens.js";
import type { ArtifactServer } from "./artifact/server.js";
import type { Log } from "./log.js";
import { type ReloadedFiles, reloadFiles } from "./reloaded-files.js";
import { reloadTls, type ServerTls } from "./tls-files.js";

/** The servers that are told of changes. */
export interface FollowingServers {
  readonly api: Pick<ApiServer, "replaceTokens" | "replaceTls">;
  readonly artifacts: Pick<ArtifactServer, "replaceTls">;
}

/** What the files say now; null where the configuration names none. */
export interface ServerAccess {
  readonly tokens: Tokens | null;
  readonly httpTls: ServerTls | null;
  readonly artifactTls: ServerTls | null;
  /** From now on these servers hear of each change. */
  follow(servers: FollowingServers): void;
  /** Looks at the files no more. Idempotent. */
  close(): void;
}

/** Reads the files; rejects with `config-invalid`, which names key, file and line, when one of them is not good. */
export async function openServerAccess(
  config: Config,
  shell: { readonly clock: Clock; readonly log: Log; readonly intervalMs?: number },
): Promise<ServerAccess> {
  let servers: FollowingServers | null = null;
  const opened: ReloadedFiles<unknown>[] = [];
  const keep = <T>(files: ReloadedFiles<T>): ReloadedFiles<T> => {
    opened.push(files);
    return files;
  };
  const close = (): void => {
    for (const files of opened) files.close();
  };
  const tlsOf = async (
    names: { certificate: string; key: string },
    paths: { certificate: string; key: string },
    apply: (tls: ServerTls) => void,
  ): Promise<ReloadedFiles<ServerTls> | null> => {
    if (paths.certificate === "") return null;
    const place = {
      certificate: { key: names.certificate, path: paths.certificate },
      key: { key: names.key, path: paths.key },
    };
    return keep(await reloadTls(place, apply, shell));
  };
  try {
    const tokens =
      config.httpTokenFile === ""
        ? null
        : keep(await openTokens(config, shell, (next) => servers?.api.replaceTokens(next)));
    const http = await tlsOf(
      { certificate: "HTTPCertificateFile", key: "HTTPKeyFile" },
      { certificate: config.httpCertificateFile, key: config.httpKeyFile },
      (tls) => servers?.api.replaceTls(tls),
    );
    const artifact = await tlsOf(
      { certificate: "ArtifactCertificateFile", key: "ArtifactKeyFile" },
      { certificate: config.artifactCertificateFile, key: config.artifactKeyFile },
      (tls) => servers?.artifacts.replaceTls(tls),
    );
    return {
      tokens: tokens?.value ?? null,
      httpTls: http?.value ?? null,
      artifactTls: artifact?.value ?? null,
      follow(following) {
        servers = following;
        // What changed since it was read is not seen a second time by itself.
        if (tokens !== null) following.api.replaceTokens(tokens.value);
        if (http !== null) following.api.replaceTls(http.value);
        if (artifact !== null) following.artifacts.replaceTls(artifact.value);
      },
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

function openTokens(
  { httpTokenFile: path }: Config,
  shell: { readonly clock: Clock; readonly log: Log; readonly intervalMs?: number },
  apply: (tokens: Tokens) => void,
): Promise<ReloadedFiles<Tokens>> {
  const key = "HTTPTokenFile";
  return reloadFiles({
    files: [{ key, path, bytesMax: tokenFileBytesMax }],
    parse: ([text = ""]) => tokensOf(key, path, text),
    apply,
    ...shell,
  });
}
