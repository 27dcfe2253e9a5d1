/**
 * Owns what a session needs to reach masters, made of options: addresses, CA and credential, checked before anything runs.
 * Not: reading configuration or files, nor when to connect. Called by the scheduler session and at the start of programs.
 * SPDX-License-Identifier: Apache-2.0
 */
import { X509Certificate } from "node:crypto";
import {
  type Clock,
  MrrError,
  type Parsed,
  type Problem,
  parsed,
  problemsText,
  refused,
} from "@mr-redis/core";
import type { LeaderDetector } from "../leader/leader-detector.js";
import { isZookeeperAddress, parseZookeeperAddress } from "../leader/zookeeper-address.js";
import { createZookeeperDetector } from "../leader/zookeeper-detector.js";
import { loadZookeeper } from "../leader/zookeeper-native.js";
import { basicAuthorization, type Credential, parseMasterAddress } from "./master-address.js";
import { DetectedMaster, ListedMasters, type MasterSource } from "./master-source.js";

/** How to reach the masters. */
export interface MasterAccessOptions {
  /**
   * Either `host:port`, `http://host:port` or `https://host:port` of each master, tried in turn (any of them redirects to
   * the leader), or one `zk://[user:password@]host:port,host:port/path` where masters announce themselves, which needs
   * the optional package `zookeeper`.
   */
  readonly masters: readonly string[];
  /** Another way to learn who leads; then `masters` is not used. */
  readonly detector?: LeaderDetector;
  /** For masters without a scheme, as those found in ZooKeeper. Default: https with `ca`, else http. */
  readonly scheme?: "http" | "https";
  /** PEM, one or more certificates: who may have signed those of masters. Default: whom Node trusts. */
  readonly ca?: string;
  /** For masters that authenticate frameworks (HTTP basic). Without a colon in either part. */
  readonly credential?: Credential;
}

/** What is made of them. */
export interface MasterAccess {
  readonly source: MasterSource;
  /** Of every request; hold the credential, never log them. */
  readonly headers: Readonly<Record<string, string>>;
  /** What a connection to a master needs beside its origin. */
  readonly trust: { readonly ca?: string };
}

/** What the parts are called where they are configured, for messages; default: `master`, `ca`, `principal`, `secret`. */
export type MasterAccessNames = Readonly<
  Partial<Record<"master" | "ca" | "principal" | "secret", string>>
>;

/**
 * Throws {@link MrrError} `config-invalid` for what can never work, by `names`. Connects to nothing before the source is
 * started.
 */
export function createMasterAccess(
  options: MasterAccessOptions,
  clock: Clock,
  names: MasterAccessNames = {},
): MasterAccess {
  const { ca, credential, detector, masters } = options;
  const scheme = options.scheme ?? (ca === undefined ? "http" : "https");
  const problems: Problem[] = [];
  const trusted = ca === undefined ? parsed(null) : checkCa(ca);
  if (!trusted.ok) problems.push(...trusted.problems);
  const authorization = credential === undefined ? parsed(null) : basicAuthorization(credential);
  if (!authorization.ok) problems.push(...authorization.problems);
  const source =
    detector === undefined
      ? sourceOf(masters, { scheme, hasCa: ca !== undefined, clock })
      : parsed(new DetectedMaster(detector, scheme));
  if (!source.ok) problems.push(...source.problems);
  if (!source.ok || !authorization.ok || problems.length > 0) {
    const named = problems.map(({ path, rule }) => ({ path: nameOf(path, names), rule }));
    throw new MrrError("config-invalid", problemsText(named));
  }
  return {
    source: source.value,
    headers: authorization.value === null ? {} : { authorization: authorization.value },
    trust: ca === undefined ? {} : { ca },
  };
}

/** For the start of a program: throws now what a session with these options would throw later, and does nothing else. */
export function checkMasterAccess(options: MasterAccessOptions, names?: MasterAccessNames): void {
  const never: Clock = {
    nowMs: () => 0,
    monotonicMs: () => 0,
    after: () => ({ cancel: () => {} }),
  };
  createMasterAccess(options, never, names);
}

function nameOf(path: string, { master, ca, principal, secret }: MasterAccessNames): string {
  const known = new Map(Object.entries({ master, ca, principal, secret }));
  return known.get(path) ?? path;
}

function sourceOf(
  masters: readonly string[],
  { scheme, hasCa, clock }: { scheme: "http" | "https"; hasCa: boolean; clock: Clock },
): Parsed<MasterSource> {
  const first = masters[0];
  if (first === undefined) return refused("master", "is missing: at least one is needed");
  if (masters.some(isZookeeperAddress)) {
    if (masters.length > 1) return refused("master", "zk:// stands alone: it knows every master");
    const address = parseZookeeperAddress(first);
    if (!address.ok) return address;
    if (hasCa && scheme === "http") return refused("ca", "is of no use to masters without TLS");
    const detector = createZookeeperDetector({
      address: address.value,
      clock,
      Native: loadZookeeper(),
    });
    return parsed(new DetectedMaster(detector, scheme));
  }
  const urls: URL[] = [];
  const problems: Problem[] = [];
  for (const text of masters) {
    const url = parseMasterAddress(text, scheme);
    if (!url.ok) problems.push(...url.problems);
    else if (hasCa && url.value.protocol !== "https:") {
      problems.push({
        path: "ca",
        rule: `is of no use to ${url.value.origin}, which is without TLS`,
      });
    } else urls.push(url.value);
  }
  return problems.length > 0 ? { ok: false, problems } : parsed(new ListedMasters(urls));
}

const certificatePattern = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** A text without any certificate would be taken by Node, and nobody trusted. */
function checkCa(pem: string): Parsed<null> {
  const certificates = pem.match(certificatePattern) ?? [];
  if (certificates.length === 0) return refused("ca", "holds no certificate: PEM is wanted");
  for (const [index, text] of certificates.entries()) {
    try {
      new X509Certificate(text);
    } catch {
      return refused("ca", `cannot be read: certificate ${index + 1} is damaged`);
    }
  }
  return parsed(null);
}
