/**
 * Owns how `DBEndPoint` is read for each `DBType`: the ancestor's forms and ours, made into one.
 * Not: what is reached there (packages/store). Called by parse.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { quoted } from "../quote.js";
import { hostPattern } from "./kinds.js";

/** Ports where none is named: those that the servers themselves choose. */
const etcdPortDefault = 2379;
const zookeeperPortDefault = 2181;

/** Endpoints that can be used, or the rules that are broken ("must ..."), one for each broken entry. */
export interface EndPointReading {
  readonly endPoints: readonly string[];
  readonly rules: readonly string[];
}

interface Address {
  readonly scheme: string | null;
  readonly host: string;
  readonly port: number | null;
  /** What follows host and port, with its slash. */
  readonly rest: string;
}

const addressForm =
  /^(?:([A-Za-z][A-Za-z0-9+.-]*):\/\/)?(\[[0-9A-Fa-f:.]+\]|[^:/@[\]]+)(?::(\d{1,5}))?(\/.*)?$/;

function addressOf(entry: string): Address | null {
  const found = addressForm.exec(entry);
  if (found === null) return null;
  const [, scheme, host = "", digits, rest = ""] = found;
  const port = digits === undefined ? null : Number(digits);
  if (!hostPattern.test(host.replace(/^\[|\]$/g, ""))) return null;
  if (port !== null && (port < 1 || port > 65_535)) return null;
  return { scheme: scheme?.toLowerCase() ?? null, host: host.toLowerCase(), port, rest };
}

/** Neither a password nor what may be one is repeated. */
const shown = (entry: string): string => (entry.includes("@") ? "what is given" : quoted(entry));

const noPassword =
  "must not have a user or a password in it: they belong into DBUser and DBPassword";

/**
 * Servers of etcd as URLs without a path, e.g. `http://10.0.0.1:2379`. An entry without a scheme is `https` when
 * `isTls` (one of the files for TLS is given), else `http`.
 */
export function etcdEndPoints(entries: readonly string[], isTls: boolean): EndPointReading {
  const allowed = "host:port or a URL such as http://host:2379, or several of them with commas";
  const rules: string[] = [];
  const endPoints: string[] = [];
  const schemes = new Set<string>();
  for (const entry of entries) {
    const address = addressOf(entry);
    const known =
      address !== null &&
      [null, "http", "https"].includes(address.scheme) &&
      ["", "/"].includes(address.rest);
    if (entry.includes("@")) rules.push(noPassword);
    else if (!known) rules.push(`must be ${allowed}, not ${shown(entry)}`);
    else {
      const scheme = address.scheme ?? (isTls ? "https" : "http");
      schemes.add(scheme);
      endPoints.push(`${scheme}://${address.host}:${address.port ?? etcdPortDefault}`);
    }
  }
  if (entries.length === 0) rules.push(`must be ${allowed}: it is needed with DBType etcd`);
  if (schemes.size > 1) rules.push("must be http:// or https:// in all entries, not both");
  if (isTls && schemes.has("http")) {
    rules.push("must be https:// where DBCAFile, DBCertFile or DBKeyFile is given");
  }
  return { endPoints: [...new Set(endPoints)], rules };
}

/**
 * Servers of ZooKeeper as `host:port`; a chroot (`/path`, for all of them) stays behind the last one. `zk://` in
 * front, as Mesos writes it, is accepted.
 */
export function zookeeperEndPoints(entries: readonly string[]): EndPointReading {
  const allowed =
    "host:port, or several of them with commas, with a chroot such as /path behind the last";
  const rules: string[] = [];
  const endPoints: string[] = [];
  for (const [index, entry] of entries.entries()) {
    const address = addressOf(entry);
    const isLast = index === entries.length - 1;
    const known =
      address !== null &&
      (address.scheme === null || (address.scheme === "zk" && index === 0)) &&
      (["", "/"].includes(address.rest) || (isLast && isChroot(address.rest)));
    if (entry.includes("@")) rules.push(noPassword);
    else if (!known) rules.push(`must be ${allowed}, not ${shown(entry)}`);
    else {
      const chroot = address.rest === "/" ? "" : address.rest;
      endPoints.push(`${address.host}:${address.port ?? zookeeperPortDefault}${chroot}`);
    }
  }
  if (entries.length === 0) rules.push(`must be ${allowed}: it is needed with DBType zookeeper`);
  return { endPoints: [...new Set(endPoints)], rules };
}

/** A path of ZooKeeper: names that are neither empty nor `.` nor `..`, and no slash at the end. */
const isChroot = (path: string): boolean =>
  /^(?:\/[\w.:-]+)+$/.test(path) && !/\/\.{1,2}(?:\/|$)/.test(path);
