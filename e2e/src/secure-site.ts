/**
 * Owns a site with everything on: TLS at the API and for artifacts, tokens, a master that asks for a secret; and the search for
 * what is secret in it. Not: what is done there. Called by the secure-*.test.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
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

/** Who has a token there from the start; the role of each has the same name. */
const owners = ["read", "operate", "admin"] as const;

/** An answer of the API over TLS. */
export interface SecureAnswer {
  readonly status: number;
  readonly text: string;
  /** Head and body. */
  readonly all: string;
}

/** See the head of this file. */
export class SecureSite {
  readonly authority = new Authority();
  /** Outside of the site: what is secret belongs here and nowhere else. */
  readonly #vault = mkdtempSync(join(tmpdir(), "mrr-vault-"));
  readonly #programs: Program[] = [];
  readonly #caBefore = process.env.NODE_EXTRA_CA_CERTS;
  /** All that was said by anybody: answers of the API, outputs of `mrr`. */
  readonly said: string[] = [];
  #site: Site | null = null;
  #front: MasterFront | null = null;
  readonly mesosSecret = "the-secret-of-the-framework-7d1f";

  get site(): Site {
    if (this.#site === null) throw new Error("not started");
    return this.#site;
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
    const lines: string[] = [];
    for (const owner of owners) lines.push(await this.makeToken(owner, owner));
    this.write("tokens", lines.join(""));
    const authorization = `Basic ${Buffer.from(`kv:${this.mesosSecret}`).toString("base64")}`;
    this.#front = await startMasterFront({ type: "no-leader" });
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
        ProxyPorts: `${proxyPorts.first}-${proxyPorts.last}`,
      },
    });
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
    this.said.push(result.stdout, result.stderr);
    return result;
  }

  /** `mrr-scheduler store dump`; an embedded store must be free for it. */
  async dump(): Promise<string> {
    const config = `-config=${join(this.site.directory, "config-0.json")}`;
    const script = join(repositoryRoot(), "packages/scheduler/dist/main.js");
    const args = [script, "store", "dump", config];
    const { stdout, stderr } = await run({ command: process.execPath, args });
    this.said.push(stdout, stderr);
    return stdout;
  }

  /** `mrr token`; returns the line for the token file. */
  async makeToken(name: string, role: string): Promise<string> {
    const out = this.file(`${name}.token`);
    const { stdout, stderr } = await runMrr(["token", "-n", name, "--role", role, "--out", out]);
    this.said.push(stdout, stderr);
    return stdout;
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
          resolve({ status, text, all: `${rawHeaders.join("\n")}\n${text}` });
        });
      });
      sent.on("timeout", () => sent.destroy(new Error("no answer")));
      sent.on("error", reject).end();
    });
    this.said.push(answer.all);
    return answer;
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
    const found = new Map<string, Buffer>();
    for (const [index, { log, stdout, stderr }] of [...this.#programs, this.site.local].entries()) {
      found.set(`output of program ${index}`, Buffer.from(log + stdout + stderr));
    }
    found.set("answers and outputs of mrr", Buffer.from(this.said.join("\n")));
    for (const path of filesBelow(this.site.directory)) {
      const bytes = unlessGone(() => readFileSync(path));
      if (bytes !== null) found.set(path, bytes);
    }
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      try {
        found.set(`command line of ${pid}`, readFileSync(`/proc/${pid}/cmdline`));
      } catch {
        // It has ended.
      }
    }
    return found;
  }

  /** What is secret, by its name: each token, the secret for Mesos, the middle of the key. */
  secrets(): ReadonlyMap<string, string> {
    const secrets = new Map<string, string>([["the secret for Mesos", this.mesosSecret]]);
    for (const name of readdirSync(this.#vault)) {
      if (name.endsWith(".token")) secrets.set(name, this.token(name.slice(0, -6)));
    }
    const [, line = ""] = readFileSync(this.file("key.pem"), "utf8").split("\n");
    secrets.set("the key of the certificate", line);
    const basic = Buffer.from(`kv:${this.mesosSecret}`).toString("base64");
    secrets.set("the header for Mesos", basic);
    return secrets;
  }

  async stop(): Promise<void> {
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

/** What `read` reads; null: the programs of the site, which run, have taken the file away meanwhile. */
function unlessGone<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** Every regular file below `directory`, sandboxes and stores; links are not followed. */
function filesBelow(directory: string): string[] {
  const entries = unlessGone(() => readdirSync(directory, { withFileTypes: true })) ?? [];
  return entries.flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    const size = entry.isFile() ? unlessGone(() => statSync(path).size) : null;
    return size !== null && size < 64 * 1024 * 1024 ? [path] : [];
  });
}

/** Waits for a state that this call shows. */
export const until = <T>(what: string, look: () => T | Promise<T>): Promise<T> =>
  eventually(look, { deadlineMs: 40_000, what });
