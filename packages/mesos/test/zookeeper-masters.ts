/**
 * Owns the nodes that masters make in a real ZooKeeper: each a client of its own, as each master is.
 * Not: masters. Called by the tests of leader detection.
 * SPDX-License-Identifier: Apache-2.0
 */
import { until } from "@mr-redis/testing";
import { loadZookeeper, type ZookeeperClient } from "../src/leader/zookeeper-native.js";

/** The part of the client that only masters need. */
interface WritingClient extends ZookeeperClient {
  a_create(
    path: string,
    data: string,
    flags: number,
    done: (code: number, text: string, path: string) => void,
  ): number;
  a_set(path: string, data: string, version: number, done: (code: number) => void): number;
  a_set_acl(
    path: string,
    version: number,
    acl: readonly object[],
    done: (code: number) => void,
  ): number;
}

const ephemeralSequential = 3;
const nodeExists = -110;

/** A client that makes nodes as masters do. */
export class ZookeeperMaster {
  readonly #client: WritingClient;

  private constructor(client: WritingClient) {
    this.#client = client;
  }

  /** Connects; as the user `user:password` when given. */
  static async connect(servers: string, secret?: string): Promise<ZookeeperMaster> {
    const Native = loadZookeeper();
    const client = new Native({
      connect: servers,
      timeout: 10_000,
      debug_level: 0,
    }) as WritingClient;
    let isConnected = false;
    client.on("connect", () => {
      isConnected = true;
    });
    client.init({});
    // After the connection it would wait for the client's next look at its socket.
    if (secret !== undefined) client.add_auth("digest", secret, () => {});
    await until(() => isConnected, { what: "a connection to ZooKeeper", deadlineMs: 20_000 });
    return new ZookeeperMaster(client);
  }

  /** Makes the directory; it may be there. */
  async makeDirectory(path: string): Promise<void> {
    await settled((done) => this.#client.a_create(path, "", 0, done), [0, nodeExists]);
  }

  /** Lets nobody but our own user read it. */
  async protect(path: string): Promise<void> {
    const acl = [{ perms: 31, scheme: "auth", auth: "" }];
    await settled((done) => this.#client.a_set_acl(path, -1, acl, done));
  }

  /** Stands as a candidate; the node lives as long as this client. Gives its path. */
  async announce(directory: string, data: string, label = "json.info_"): Promise<string> {
    let made = "";
    await settled((done) =>
      this.#client.a_create(`${directory}/${label}`, data, ephemeralSequential, (code, _, path) => {
        made = path;
        done(code);
      }),
    );
    return made;
  }

  /** Ends the session, and its nodes with it. */
  close(): void {
    this.#client.close();
  }
}

function settled(
  begin: (done: (code: number) => void) => number,
  expected: readonly number[] = [0],
): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (code: number): void => {
      if (expected.includes(code)) resolve();
      else reject(new Error(`ZooKeeper says ${code}`));
    };
    const code = begin(done);
    if (code !== 0) done(code);
  });
}
