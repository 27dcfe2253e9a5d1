/**
 * Owns where things are in ZooKeeper's tree, how keys become names of nodes, and what the endpoints say.
 * Not: the nodes themselves. Called by the modules of this driver.
 * SPDX-License-Identifier: Apache-2.0
 */
import { isIP } from "node:net";
import { MrrError, withoutSlashes } from "@mr-redis/core";
import type { DocumentKey } from "../port.js";

/** Ensembles have three or five servers; more than this is another kind of list. */
export const serversMax = 32;

const invalid = (text: string) => new MrrError("config-invalid", text);

/** Names that ZooKeeper takes in a path that people type: no dots alone, no control characters. */
const segmentPattern = /^(?!\.{1,2}$)[\w.\-~%+=:@]{1,200}$/;

/** Longest path that people type; the work of the patterns below grows with its square. */
const pathCharactersMax = 1_000;

/** `/a/b` without a slash at its end; "" for the root. Throws MrrError `config-invalid`. */
function checkedPath(path: string, what: string): string {
  if (path.length > pathCharactersMax) {
    throw invalid(`${what} a path of ZooKeeper has at most ${pathCharactersMax} characters here`);
  }
  const bare = withoutSlashes(path);
  if (bare === "") return "";
  const [first, ...segments] = bare.split("/");
  if (first === "" && segments.every((each) => segmentPattern.test(each))) return bare;
  throw invalid(`${what} ${JSON.stringify(path)} is no path of ZooKeeper, such as /mesos/mr-redis`);
}

function checkedServer(server: string): string {
  const match = /^(?:\[([^\]]+)\]|([^:/\s[\]]+)):(\d{1,5})$/.exec(server);
  const [, inBrackets, host, port] = match ?? [];
  const isHost = inBrackets === undefined ? host !== undefined : isIP(inBrackets) === 6;
  if (isHost && Number(port) >= 1 && Number(port) <= 65_535) return server;
  throw invalid(
    `DBEndPoint: ${JSON.stringify(server)} is no server of ZooKeeper; write host:port, as in zk1:2181,zk2:2181/path`,
  );
}

/**
 * The servers, joined as the client takes them, and the chroot ("" or `/path`) that follows the last one.
 * Throws MrrError `config-invalid`, naming DBEndPoint.
 */
export function parseEndpoints(endpoints: readonly string[]): { servers: string; chroot: string } {
  const parts = endpoints.flatMap((each) => each.split(",")).map((each) => each.trim());
  const last = parts.at(-1) ?? "";
  const slash = last.indexOf("/");
  if (last === "") throw invalid("DBEndPoint names no server of ZooKeeper; write host:port");
  if (parts.length > serversMax) throw invalid(`DBEndPoint names more than ${serversMax} servers`);
  const hosts = [...parts.slice(0, -1), slash < 0 ? last : last.slice(0, slash)];
  const chroot = slash < 0 ? "" : checkedPath(last.slice(slash), "DBEndPoint:");
  return { servers: hosts.map(checkedServer).join(","), chroot };
}

const instancePrefix = "instance/";

/** ZooKeeper forbids many characters (control, private, beyond the 16 bit plane) and the names `.` and `..`. */
function nodeName(name: string): string {
  const encoded = encodeURIComponent(name);
  return /^\.{1,2}$/.test(encoded) ? encoded.replaceAll(".", "%2E") : encoded;
}

function nameOfNode(node: string): string | null {
  try {
    const name = decodeURIComponent(node);
    return name !== "" && nodeName(name) === node ? name : null;
  } catch {
    return null;
  }
}

/** The paths of one store. */
export class Layout {
  /** Holds all others. */
  readonly root: string;
  /** Its children are the instances' documents. */
  readonly instances: string;
  readonly framework: string;
  /** Ends with the leader's session. */
  readonly leader: string;
  /** The last term, in decimal. */
  readonly term: string;
  /** Nodes to make, in order: those above the root, the root, and the parent of the instances. */
  readonly parents: readonly string[];

  /** Throws MrrError `config-invalid` when `prefix` is no path. */
  constructor(chroot: string, prefix: string) {
    this.root = checkedPath(`${chroot}${prefix}`, "the prefix");
    if (this.root === "") throw invalid("the prefix of the store is empty");
    this.instances = `${this.root}/instance`;
    this.framework = `${this.root}/framework`;
    this.leader = `${this.root}/leader`;
    this.term = `${this.root}/term`;
    const segments = this.instances.split("/").slice(1);
    this.parents = segments.map((_, index) => `/${segments.slice(0, index + 1).join("/")}`);
  }

  /** Where the document of an acceptable key is. */
  pathOf(key: DocumentKey): string {
    if (key === "framework") return this.framework;
    return `${this.instances}/${nodeName(key.slice(instancePrefix.length))}`;
  }

  /** The key of a child of {@link instances}; null when mr-redis gives no node that name. */
  keyOf(node: string): DocumentKey | null {
    const name = nameOfNode(node);
    return name === null ? null : `${instancePrefix}${name}`;
  }
}
