/**
 * Owns how `Master`, `CorsOrigins` and `ProxyPorts` are read: addresses in the ancestor's and in our form.
 * Not: finding the leading master (packages/mesos). Called by table.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { ProxyPortRange } from "../endpoints/port-book.js";
import { configEntriesMax, hostPattern, type Kind, list, type Reading } from "./kinds.js";

/** Port of a Mesos master where none is named. */
const masterPortDefault = 5050;

const mastersAllowed =
  "host:port, or several of them with commas, or zk://host:port,host:port/path";

/** ZooKeeper where the masters elect their leader, as Mesos writes it; packages/mesos looks closer. */
const zookeeperPattern = /^zk:\/\/(?:[^@/\s]+:[^@/\s]+@)?[^@/\s]+\/[^@\s?#]+$/i;

/** Name and password in an address. */
const userPattern = /\/\/[^/\s]*@/g;

/** `text` without the passwords of the addresses in it. */
export const withoutPasswords = (text: string): string => text.replace(userPattern, "//***@");

/** The hosts that a value of {@link masters} names. */
export const masterHosts = (url: string): readonly string[] =>
  url
    .replace(/^.*?:\/\//, "")
    .replace(/^.*@/, "")
    .replace(/\/.*$/, "")
    .split(",")
    .map((entry) => entry.replace(/:\d+$/, ""));

/** The address of a master as a URL without a path, beginning with `//` where it names no scheme, or null. */
function masterUrl(entry: string): string | null {
  const found = /^(?:(https?):\/\/)?(\[[0-9A-Fa-f:.]+\]|[^:/@[\]]+)(?::(\d{1,5}))?\/?$/i.exec(
    entry,
  );
  if (found === null) return null;
  const [, scheme, host = "", port = String(masterPortDefault)] = found;
  const number = Number(port);
  if (!hostPattern.test(host.replace(/^\[|\]$/g, "")) || number < 1 || number > 65_535) return null;
  const start = scheme === undefined ? "" : `${scheme.toLowerCase()}:`;
  return `${start}//${host.toLowerCase()}:${number}`;
}

/** The masters with this scheme where they name none; each once. */
export const withScheme = (urls: readonly string[], scheme: "http" | "https"): readonly string[] =>
  Object.freeze([...new Set(urls.map((url) => (url.startsWith("//") ? `${scheme}:${url}` : url)))]);

/**
 * One or more Mesos masters as URLs such as `http://127.0.0.1:5050`, or `//127.0.0.1:5050` where no scheme is given
 * ({@link withScheme}), in the order given; or `zk://...` alone, as it was written.
 */
export function masters(defaultEntry: string): Kind<readonly string[]> {
  const some = list(masterUrl, mastersAllowed);
  const read = (value: unknown): Reading<readonly string[]> => {
    if (typeof value === "string" && /^\s*zk:/i.test(value)) {
      const address = value.trim();
      if (zookeeperPattern.test(address)) return { ok: true, value: Object.freeze([address]) };
      return { ok: false, rule: `must be ${mastersAllowed}` };
    }
    const reading = some.read(value);
    if (!reading.ok || reading.value.length > 0) return reading;
    return { ok: false, rule: `must be ${mastersAllowed}` };
  };
  return {
    defaultValue: Object.freeze([masterUrl(defaultEntry) ?? defaultEntry]),
    defaultText: defaultEntry,
    allowed: mastersAllowed,
    unit: null,
    read,
  };
}

/** Web origins (`https://ops.example:8443`) in lower case, or `*`; none by default. */
export const origins: Kind<readonly string[]> = list((entry) => {
  const origin = entry.toLowerCase();
  const known =
    origin === "*" || /^https?:\/\/(?:\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::\d{1,5})?$/.test(origin);
  return known ? origin : null;
}, `a list of at most ${configEntriesMax} origins such as https://ops.example, or *`);

const advertisedAllowed = "a URL without a path such as http://host:5656, or empty";

/** Where others reach a program: `http://host:port`, or empty. */
export const advertised: Kind<string> = {
  defaultValue: "",
  defaultText: "",
  allowed: advertisedAllowed,
  unit: null,
  read(value) {
    const text = typeof value === "string" ? value.trim().toLowerCase() : null;
    if (text === "") return { ok: true, value: "" };
    const found = /^(https?):\/\/(\[[0-9a-f:.]+\]|[^:/@[\]]+)(?::(\d{1,5}))?\/?$/.exec(text ?? "");
    const [, scheme = "http", host = "", digits = scheme === "https" ? "443" : "80"] = found ?? [];
    const port = Number(digits);
    const known = hostPattern.test(host.replace(/^\[|\]$/g, "")) && port >= 1 && port <= 65_535;
    if (!known || host.length > 253) return { ok: false, rule: `must be ${advertisedAllowed}` };
    return { ok: true, value: `${scheme}://${host}:${port}` };
  },
};

const proxyPortsAllowed = "FIRST-LAST with ports from 1024 to 65535, such as 20000-29999, or empty";

/** A range of ports as `20000-29999`; null, written as an empty text: none. Those below 1024 need rights of root. */
export function proxyPorts(defaultRange: ProxyPortRange): Kind<ProxyPortRange | null> {
  return {
    defaultValue: Object.freeze(defaultRange),
    defaultText: `${defaultRange.first}-${defaultRange.last}`,
    allowed: proxyPortsAllowed,
    unit: null,
    read(value) {
      const text = typeof value === "string" ? value.trim() : null;
      if (text === "") return { ok: true, value: null };
      const found = /^(\d{1,5})\s{0,9}-\s{0,9}(\d{1,5})$/.exec(text ?? "");
      const first = Number(found?.[1]);
      const last = Number(found?.[2]);
      const isRange = first >= 1_024 && first <= last && last <= 65_535;
      if (!isRange) return { ok: false, rule: `must be ${proxyPortsAllowed}` };
      return { ok: true, value: Object.freeze({ first, last }) };
    },
  };
}

/** True for an address on which only this machine can be reached. */
export const isLoopback = (host: string): boolean =>
  /^(?:localhost|127(?:\.\d{1,3}){3}|::1|\[::1\])$/i.test(host);
