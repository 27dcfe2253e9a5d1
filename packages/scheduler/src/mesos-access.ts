/**
 * Owns how the masters are reached, made of the configuration and the files that it names: addresses, TLS, principal.
 * Not: the connections (packages/mesos). Called by main.ts, scheduler.ts and reign.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Config } from "@mr-redis/core";
import { checkMasterAccess, type MasterAccessOptions } from "@mr-redis/mesos";
import { readConfigured, readSecretFile } from "./store-access.js";

/** What of the configuration is in files. */
export interface MesosFiles {
  /** Of the principal. Never logged. */
  readonly secret: string | null;
  /** PEM: who vouches for masters and agents; null: whom Node trusts. */
  readonly ca: string | null;
}

/** Reads them. Rejects with `config-invalid`. */
export async function readMesosFiles({ secretFile, mesosCaFile }: Config): Promise<MesosFiles> {
  return {
    secret: secretFile === "" ? null : await readSecretFile("SecretFile", secretFile),
    ca: mesosCaFile === "" ? null : await readConfigured("MesosCAFile", mesosCaFile),
  };
}

/** How to reach the masters. */
export const masterAccessOf = (
  { masterUrls, mesosScheme, principal }: Config,
  { secret, ca }: MesosFiles,
): MasterAccessOptions => ({
  masters: masterUrls,
  ...(mesosScheme === "auto" ? {} : { scheme: mesosScheme }),
  ...(ca === null ? {} : { ca }),
  ...(principal === "" || secret === null ? {} : { credential: { principal, secret } }),
});

/** Throws `config-invalid`, by the keys of the configuration, for what can never work. */
export const checkMesosAccess = (config: Config, files: MesosFiles): void =>
  checkMasterAccess(masterAccessOf(config, files), {
    master: "Master",
    ca: "MesosCAFile",
    principal: "Principal",
    secret: "SecretFile",
  });
