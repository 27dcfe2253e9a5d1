/**
 * Owns certificates for the tests of TLS, made by openssl when they are needed: an authority, and what it signs.
 * Called by etcd-access.test.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A certificate with its key, in files and as text. */
export interface KeyPair {
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly certificate: string;
  readonly key: string;
}

/** Makes certificates in one directory, which the caller removes. */
export class Authority {
  readonly pair: KeyPair;
  readonly #directory: string;
  #count = 0;

  constructor(directory: string, name: string) {
    this.#directory = directory;
    const [certificateFile, keyFile] = this.#files(name);
    this.#openssl(
      "req",
      "-x509",
      "-subj",
      `/CN=${name}`,
      "-keyout",
      keyFile,
      "-out",
      certificateFile,
    );
    this.pair = pairOf(certificateFile, keyFile);
  }

  /** A certificate for 127.0.0.1, for servers and clients. */
  sign(name: string): KeyPair {
    this.#count += 1;
    const [certificateFile, keyFile] = this.#files(name);
    const [request, extensions] = [join(this.#directory, "request"), join(this.#directory, "ext")];
    this.#openssl("req", "-subj", `/CN=${name}`, "-keyout", keyFile, "-out", request);
    writeFileSync(
      extensions,
      "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n",
    );
    const signer = ["-CA", this.pair.certificateFile, "-CAkey", this.pair.keyFile];
    const serial = ["-set_serial", String(this.#count), "-days", "2", "-extfile", extensions];
    const files = ["-in", request, "-out", certificateFile];
    execFileSync("openssl", ["x509", "-req", ...signer, ...serial, ...files], { stdio: "pipe" });
    return pairOf(certificateFile, keyFile);
  }

  #files(name: string): readonly [string, string] {
    return [join(this.#directory, `${name}.pem`), join(this.#directory, `${name}.key`)];
  }

  #openssl(command: string, ...rest: readonly string[]): void {
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    execFileSync("openssl", [command, ...curve, "-days", "2", ...rest], { stdio: "pipe" });
  }
}

const pairOf = (certificateFile: string, keyFile: string): KeyPair => ({
  certificateFile,
  keyFile,
  certificate: readFileSync(certificateFile, "utf8"),
  key: readFileSync(keyFile, "utf8"),
});
