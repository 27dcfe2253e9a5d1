/**
 * Owns certificate authorities and certificates for tests, made by openssl when they are asked for.
 * Not: servers. Called by the tests of TLS.
 * SPDX-License-Identifier: Apache-2.0
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requireProgram } from "./servers/etcd.js";

/** What a server needs for TLS; PEM. */
export interface ServerIdentity {
  readonly key: string;
  readonly cert: string;
}

/** An authority of its own. */
export class Authority {
  readonly #directory: string;
  #count = 0;

  /** `remove` it at the end. */
  constructor() {
    requireProgram("openssl", "openssl");
    this.#directory = mkdtempSync(join(tmpdir(), "mrr-ca-"));
    this.#openssl(
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
      ...["-days", "2", "-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.pem"],
    );
  }

  /** PEM. */
  get ca(): string {
    return this.#read("ca.pem");
  }

  /** The same in a file. */
  get caFile(): string {
    return join(this.#directory, "ca.pem");
  }

  /** A certificate for these names, as `DNS:host,IP:127.0.0.1`. */
  certificate(names: string): ServerIdentity {
    const name = this.#create(names);
    return { key: this.#read(`${name}.key`), cert: this.#read(`${name}.pem`) };
  }

  /** A certificate for a public key (PEM) of somebody else, valid for a day. */
  sign(publicKey: string, names: string): string {
    this.#count += 1;
    const name = `signed-${this.#count}`;
    writeFileSync(join(this.#directory, `${name}.pub`), publicKey);
    writeFileSync(join(this.#directory, `${name}.ext`), `subjectAltName=${names}\n`);
    this.#openssl(
      ...["x509", "-new", "-force_pubkey", `${name}.pub`, "-subj", "/CN=signed", "-days", "1"],
      ...["-CA", "ca.pem", "-CAkey", "ca.key", "-extfile", `${name}.ext`, "-out", `${name}.pem`],
    );
    return this.#read(`${name}.pem`);
  }

  /** A file with such a certificate and its key. */
  certificateFile(names: string): string {
    const { key, cert } = this.certificate(names);
    const file = join(this.#directory, `server-${this.#count}-all.pem`);
    writeFileSync(file, cert + key);
    return file;
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #create(names: string): string {
    this.#count += 1;
    const name = `server-${this.#count}`;
    writeFileSync(join(this.#directory, `${name}.ext`), `subjectAltName=${names}\n`);
    this.#openssl(
      ...["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
      ...["-subj", "/CN=server", "-keyout", `${name}.key`, "-out", `${name}.csr`],
    );
    this.#openssl(
      ...["x509", "-req", "-in", `${name}.csr`, "-CA", "ca.pem", "-CAkey", "ca.key"],
      ...["-CAcreateserial", "-days", "2", "-extfile", `${name}.ext`, "-out", `${name}.pem`],
    );
    return name;
  }

  #openssl(...args: string[]): void {
    execFileSync("openssl", args, { cwd: this.#directory, stdio: "pipe" });
  }

  #read(file: string): string {
    return readFileSync(join(this.#directory, file), "utf8");
  }
}
