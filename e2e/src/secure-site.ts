/**
 * Owns a site with everything on: TLS at the API and for artifacts, tokens, a master that asks for a secret; and the search for
 * what is secret in it. Not: what is done there. Called by the secure-*.test.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createPrivateKey, randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  Authority,
  eventually,
  freePortRange,
  launch,
  type Program,
  type RunResult,
  repositoryRoot,
  run,
  runMrr,
  type Site,
  startSite,
} from "@mr-redis/testing";
import { type MasterFront, startMasterFront } from "./master-front.js";
import { Witness } from "./secret-search.js";
import { unsealed } from "./unseal.js";

/** Who has a token there from the start; the role of each has the same name. */
const owners = ["read", "operate", "admin"] as const;

/** An answer of the API over TLS. */
export interface SecureAnswer {
  readonly status: number;
  readonly text: string;
}

/** How clients get into an instance; what tests use of it. */
export interface SecureConnection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly readOnly: { readonly user: string; readonly password: string };
  readonly ca: string;
}

/** See the head of this file. */
export class SecureSite {
  readonly authority = new Authority();
  /** Outside of the site: what is secret belongs here and nowhere else. */
  readonly #vault = mkdtempSync(join(tmpdir(), "mrr-vault-"));
  readonly #programs: Program[] = [];
  readonly #caBefore = process.env.NODE_EXTRA_CA_CERTS;
  /** What went between scheduler and master, by call. */
  readonly #calls = new Map<string, Buffer[]>();
  /** Every password that was ever told, by its user and number. */
  readonly #passwords = new Map<string, string>();
  #witness: Witness | null = null;
  #site: Site | null = null;
  #front: MasterFront | null = null;
  readonly mesosSecret = "the-secret-of-the-framework-7d1f";

  get site(): Site {
    if (this.#site === null) throw new Error("not started");
    return this.#site;
  }

  /** Of all that somebody could read. */
  get witness(): Witness {
    if (this.#witness === null) throw new Error("not started");
    return this.#witness;
  }

  get endpoint(): string {
    return this.site.endpoint.replace("http:", "https:");
  }

  /** Makes tokens and certificates, starts the embedded cluster; no scheduler yet. */
  async start(): Promise<void> {
    const identity = this.authority.certificate("IP:127.0.0.1");
    this.write("cert.pem", identity.cert);
    this.write("key.pem", identity.key);
    this.write("secret", `${this.mesosSecret}\n`);
    this.write("seal", `${randomBytes(32).toString("base64")}\n`);
    const lines: string[] = [];
    for (const owner of owners) lines.push(await this.makeToken(owner, owner));
    this.write("tokens", lines.join(""));
    const authorization = `Basic ${Buffer.from(`kv:${this.mesosSecret}`).toString("base64")}`;
    this.#front = await startMasterFront({ type: "no-leader" }, (what, chunk) => {
      this.#calls.set(what, [...(this.#calls.get(what) ?? []), chunk]);
    });
    const proxyPorts = await freePortRange(10);
    // The fetchers of the agents trust whom their machine trusts.
    process.env.NODE_EXTRA_CA_CERTS = this.authority.caFile;
    this.#site = await startSite({
      agents: 2,
      redisPorts: 20,
      config: {
        ...{ Master: this.#front.address, Principal: "kv", SecretFile: this.file("secret") },
        ...{ HTTPCertificateFile: this.file("cert.pem"), HTTPKeyFile: this.file("key.pem") },
        ...{
          ArtifactCertificateFile: this.file("cert.pem"),
          ArtifactKeyFile: this.file("key.pem"),
        },
        ...{ HTTPTokenFile: this.file("tokens"), RequireAuth: "true", LogLevel: "debug" },
        SecretKeyFile: this.file("seal"),
        ProxyPorts: `${proxyPorts.first}-${proxyPorts.last}`,
      },
    });
    this.#witness = new Witness(this.site.directory);
    const to = new URL(this.site.mesosEndpoint).host;
    this.#front.mode = { type: "forward", to, authorization };
  }

  /** Starts a scheduler and waits until it carries out creates. */
  async startScheduler(): Promise<Program> {
    const scheduler = await this.site.startScheduler({}, { untilReady: false });
    this.#programs.push(scheduler);
    const isReady = async (): Promise<void> => {
      const { status, text } = await this.ask("GET", "/readyz", null);
      if (status !== 200) throw new Error(`${status} ${text}`);
    };
    await scheduler.waitFor(isReady, { deadlineMs: 40_000, what: "mrr-scheduler is ready" });
    return scheduler;
  }

  /** Starts a program of the packages, whose output is searched, too. */
  async startProgram(name: string, args: readonly string[]): Promise<Program> {
    const script = join(repositoryRoot(), "packages", name, "dist/main.js");
    const program = await launch({ command: process.execPath, args: [script, ...args] });
    this.#programs.push(program);
    return program;
  }

  /** `mrr` with the token of `owner`; null: without one. */
  async mrr(owner: string | null, ...args: string[]): Promise<RunResult> {
    const env = {
      MRR_CA_FILE: this.authority.caFile,
      MRR_TOKEN_FILE: owner === null ? "" : this.file(`${owner}.token`),
    };
    const result = await runMrr(args, { endpoint: this.endpoint, env, deadlineMs: 60_000 });
    this.#note(`mrr ${args[0]} for ${owner ?? "nobody"}`, result);
    return result;
  }

  /** `mrr-scheduler store dump`; an embedded store must be free for it. */
  async dump(): Promise<string> {
    const config = `-config=${join(this.site.directory, "config-0.json")}`;
    const script = join(repositoryRoot(), "packages/scheduler/dist/main.js");
    const args = [script, "store", "dump", config];
    const result = await run({ command: process.execPath, args });
    this.#note("store dump", result);
    return result.stdout;
  }

  /** `mrr token`; returns the line for the token file. */
  async makeToken(name: string, role: string): Promise<string> {
    const out = this.file(`${name}.token`);
    const result = await runMrr(["token", "-n", name, "--role", role, "--out", out]);
    this.#witness?.note("output of mrr token", result.stdout + result.stderr);
    return result.stdout;
  }

  #note(command: string, { stdout, stderr }: RunResult): void {
    this.witness.note(`output of ${command}`, stdout + stderr);
  }

  /** One call over TLS; only what the authority vouches for is spoken to. */
  async ask(method: string, path: string, owner: string | null): Promise<SecureAnswer> {
    const answer = await new Promise<SecureAnswer>((resolve, reject) => {
      const headers = owner === null ? {} : { authorization: `Bearer ${this.token(owner)}` };
      const options = { method, headers, ca: this.authority.ca, agent: false, timeout: 15_000 };
      const sent = request(this.endpoint + path, options, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
        });
        response.on("end", () => {
          const { statusCode: status = 0, rawHeaders } = response;
          const place = `answer to ${method} ${path} for ${owner ?? "nobody"}`;
          this.witness.note(place, `${rawHeaders.join("\n")}\n${text}`);
          resolve({ status, text });
        });
      });
      sent.on("timeout", () => sent.destroy(new Error("no answer")));
      sent.on("error", reject).end();
    });
    return answer;
  }

  /** How clients get into an instance now, as one who operates is told. */
  async connection(name: string): Promise<SecureConnection> {
    const path = `/v2/instances/${name}/connection`;
    const { status, text } = await this.ask("GET", path, "operate");
    if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
    const connection = JSON.parse(text) as SecureConnection;
    for (const { user, password } of [connection, connection.readOnly]) {
      const known = [...this.#passwords.values()];
      if (!known.includes(password)) {
        this.#passwords.set(`password of ${user} (${known.length + 1})`, password);
      }
    }
    return connection;
  }

  token(owner: string): string {
    return readFileSync(this.file(`${owner}.token`), "utf8").trim();
  }

  file(name: string): string {
    return join(this.#vault, name);
  }

  write(name: string, text: string): void {
    writeFileSync(this.file(name), text, { mode: 0o600 });
  }

  /** Everything that somebody could read who should not know a secret, by where it is. */
  places(): ReadonlyMap<string, Buffer> {
    for (const { pid, log, stdout, stderr } of [...this.#programs, this.site.local]) {
      this.witness.note(`output of program ${pid}`, log + stdout + stderr);
    }
    for (const [call, chunks] of this.#calls) {
      this.witness.note(`${call} of the master`, Buffer.concat(chunks));
    }
    this.witness.lookAtFiles();
    return this.witness.places;
  }

  /** What is secret, by its name: each token, the secret for Mesos, the key of the certificate. */
  secrets(): Map<string, string | Buffer> {
    const secrets = new Map<string, string | Buffer>([["the secret for Mesos", this.mesosSecret]]);
    for (const name of readdirSync(this.#vault)) {
      if (name.endsWith(".token")) secrets.set(name, this.token(name.slice(0, -6)));
    }
    addKey(secrets, "the key of the certificate", readFileSync(this.file("key.pem"), "utf8"));
    secrets.set("the key that seals", readFileSync(this.file("seal"), "utf8").trim());
    for (const [name, password] of this.#passwords) secrets.set(name, password);
    let keys = 0;
    for (const [place, content] of this.witness.places) {
      if (/\/redis\.conf(?: \(\d+\))?$/.test(place)) addProcessSecrets(secrets, String(content));
      for (const [pem] of String(content).matchAll(privateKeyPattern)) {
        keys += 1;
        addKey(secrets, `private key ${keys} of an executor`, pem);
      }
    }
    this.#addSealed(secrets);
    return secrets;
  }

  /** What the store has sealed: the key of the authority, passwords, secrets of processes. */
  #addSealed(secrets: Map<string, string | Buffer>): void {
    const key = readFileSync(this.file("seal"), "utf8").trim();
    for (const [place, content] of this.witness.places) {
      if (!/\/store\/data\/\d+\.log(?: \(\d+\))?$/.test(place)) continue;
      const records = ["framework", "instance/inst", "instance/other"];
      for (const [record, texts] of unsealed(content, key, records)) {
        for (const text of texts) {
          if (text.includes("PRIVATE KEY")) addKey(secrets, "the key of the authority", text);
          else {
            const isKnown = [...secrets.values()].includes(text);
            if (!isKnown) secrets.set(`secret of replica ${text.slice(0, 4)}, of ${record}`, text);
          }
        }
      }
    }
  }

  async stop(): Promise<void> {
    this.#witness?.stop();
    for (const program of this.#programs) {
      program.signal("SIGKILL");
      await program.exited;
    }
    await this.#site?.destroy();
    await this.#front?.close();
    this.authority.remove();
    rmSync(this.#vault, { recursive: true, force: true });
    if (this.#caBefore === undefined) delete process.env.NODE_EXTRA_CA_CERTS;
    else process.env.NODE_EXTRA_CA_CERTS = this.#caBefore;
  }
}

const privateKeyPattern =
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]+-----END [A-Z ]*PRIVATE KEY-----\n?/g;

/**
 * A private key (PEM) as somebody could have it: lines of the file, and the number that all is about. On P-256 the third
 * line has only the public one.
 */
export function addKey(secrets: Map<string, string | Buffer>, name: string, pem: string): void {
  const [, ...lines] = pem.split("\n", 3);
  for (const [index, line] of lines.entries()) secrets.set(`${name}, line ${index + 1}`, line);
  const { d = "" } = createPrivateKey(pem).export({ format: "jwk" });
  secrets.set(`${name}, its number`, d);
}

/** What the redis-server of a configuration file asks executors and replicas for; each part of it. */
function addProcessSecrets(secrets: Map<string, string | Buffer>, conf: string): void {
  for (const [, user, password = ""] of conf.matchAll(/^user (\w+)\S* on ">([^"]+)"/gm)) {
    for (const part of password.split("."))
      secrets.set(`secret of ${user} ${part.slice(0, 4)}`, part);
  }
}

/** Waits for a state that this call shows. */
export const until = <T>(what: string, look: () => T | Promise<T>): Promise<T> =>
  eventually(look, { deadlineMs: 40_000, what });
