/**
 * Owns what a run of the end-to-end tests with everything on needs beside the same run without: certificate, tokens, keys,
 * and calls that use them. Not: what is tested. Called by mrr-up.ts and by e2e.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Authority } from "./certificates.js";

/** See the head of this file. */
export interface SecureRun {
  /** Who vouches for the API and for artifacts; PEM. */
  readonly ca: string;
  /** Of the one who tests: it may operate. */
  readonly token: string;
  /** Keys of a scheduler's configuration. */
  readonly config: Readonly<Record<string, string | boolean>>;
  /** For whatever calls the scheduler, and for the fetchers of agents. */
  readonly env: Readonly<Record<string, string>>;
  /** A new file in the directory of what is secret; returns its path. */
  write(name: string, text: string): string;
}

let made: { readonly run: SecureRun; readonly remove: () => void } | null = null;

/** What a run with everything on needs; made once, until it is removed. Its files go with this process, if it ends by itself. */
export function everythingOn(): SecureRun {
  if (made === null) {
    made = makeSecureRun();
    process.once("exit", removeEverythingOn);
  }
  return made.run;
}

/** Removes its files, for a process that may be killed; the next one who asks gets others. */
export function removeEverythingOn(): void {
  made?.remove();
  made = null;
}

/** {@link everythingOn} where this run of the tests is for that (MRR_TEST_SECURE=1); else null. */
export const secureRun = (): SecureRun | null =>
  process.env.MRR_TEST_SECURE === "1" ? everythingOn() : null;

/** {@link everythingOn} where a scheduler is called over TLS; else null. */
export const secureRunOf = (endpoint: string | null): SecureRun | null =>
  endpoint?.startsWith("https:") === true ? everythingOn() : null;

function makeSecureRun(): { readonly run: SecureRun; readonly remove: () => void } {
  const authority = new Authority();
  const directory = mkdtempSync(join(tmpdir(), "mrr-secure-"));
  const remove = (): void => {
    process.off("exit", removeEverythingOn);
    authority.remove();
    rmSync(directory, { recursive: true, force: true });
  };
  const write = (name: string, text: string): string => {
    const file = join(directory, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  const token = `mrr_${randomBytes(32).toString("base64url")}`;
  const sha256 = createHash("sha256").update(token).digest("hex");
  const { cert, key } = authority.certificate("IP:127.0.0.1");
  const [certificateFile, keyFile] = [write("cert.pem", cert), write("key.pem", key)];
  const run: SecureRun = {
    ca: authority.ca,
    token,
    config: {
      HTTPCertificateFile: certificateFile,
      HTTPKeyFile: keyFile,
      ArtifactCertificateFile: certificateFile,
      ArtifactKeyFile: keyFile,
      HTTPTokenFile: write("tokens", `tester operate sha256:${sha256}\n`),
      RequireAuth: true,
      SecretKeyFile: write("seal", `${randomBytes(32).toString("base64")}\n`),
    },
    env: {
      MRR_TOKEN_FILE: write("token", `${token}\n`),
      MRR_CA_FILE: authority.caFile,
      NODE_EXTRA_CA_CERTS: authority.caFile,
    },
    write,
  };
  return { run, remove };
}

/** The scheduler's keys of a configuration file that a test wrote, with everything on; null: it wrote none. */
export function secureConfigFile(run: SecureRun, file: string | null): string {
  const own = file === null ? {} : (JSON.parse(readFileSync(file, "utf8")) as object);
  const name = `config-${randomBytes(4).toString("hex")}.json`;
  return run.write(name, JSON.stringify({ ...run.config, ...own }));
}

/** What came back of a call over TLS. */
export interface SecureAnswer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

/** One call with the token, over TLS; only what the authority vouches for is spoken to. */
export function callSecurely(
  { ca, token }: Pick<SecureRun, "ca" | "token">,
  url: string,
  method: string,
  body: string | undefined,
  limitMs: number,
): Promise<SecureAnswer> {
  const headers: Record<string, string> = { authorization: `Bearer ${token}` };
  if (body !== undefined) headers["content-type"] = "application/json";
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(limitMs);
    const sent = request(url, { method, headers, ca, agent: false, signal }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk)).on("error", reject);
      response.on("end", () => {
        const { statusCode: status = 0, rawHeaders } = response;
        const pairs = rawHeaders.flatMap((name, index): [string, string][] =>
          index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? ""]] : [],
        );
        const text = Buffer.concat(chunks).toString("utf8");
        resolve({ status, text, headers: new Headers(pairs) });
      });
    });
    sent.on("error", reject).end(body);
  });
}
