/**
 * Owns the tests of who may use etcd and how it is reached: users, TLS, endpoints; what is wrong is told with the key of
 * the configuration, and without secrets.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer as createTcpServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EtcdServer, freePort, startEtcd, startTcpLink } from "@mr-redis/testing";
import { afterAll, afterEach, expect, test } from "vitest";
import {
  commitOne,
  create,
  eventually,
  lead,
  mustCommit,
  never,
} from "../src/conformance/harness.js";
import { createStore, type Store, type StoreOptions } from "../src/index.js";
import { Authority } from "./certificates.js";
import { systemClock as clock } from "./system-clock.js";

const key = "instance/a" as const;
const password = "pa55-w0rd";
const directory = mkdtempSync(join(tmpdir(), "mrr-tls-"));
const stores: Store[] = [];
const servers: EtcdServer[] = [];
const listeners: Server[] = [];

afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
  for (const server of servers.splice(0)) await server.stop();
  for (const listener of listeners.splice(0)) {
    await new Promise((resolve) => listener.close(resolve));
  }
});
afterAll(() => rmSync(directory, { recursive: true }));

async function start(options: Parameters<typeof startEtcd>[0] = {}): Promise<EtcdServer> {
  const server = await startEtcd(options);
  servers.push(server);
  return server;
}

async function open(
  options: Partial<StoreOptions> & { readonly endpoints: readonly string[] },
): Promise<Store> {
  const common = { driver: "etcd", clock, leaseTtlMs: 10_000, timeLimitMs: 10_000 };
  const store = await createStore({ ...common, ...options });
  stores.push(store);
  return store;
}

/** What a wrong configuration is told with. */
const invalid = (text: string) => ({
  code: "config-invalid",
  message: expect.stringContaining(text),
});

/** The store opens not, for a reason that names `text`, and nothing secret. */
async function expectInvalid(
  options: Parameters<typeof open>[0],
  ...texts: readonly string[]
): Promise<void> {
  const error: Error = await open(options).then(
    () => new Error("it opened"),
    (reason) => reason,
  );
  for (const text of texts) expect(error).toMatchObject(invalid(text));
  const told = `${error.message} ${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`;
  expect(told).not.toContain(password);
  expect(told).not.toMatch(/PRIVATE KEY/);
}

test("a user and a password; a restarted server knows no login, and all goes on", {
  timeout: 60_000,
}, async () => {
  const server = await start({ auth: { user: "mrr", password } });
  const endpoints = [server.endpoint];
  const credentials = { user: "mrr", password };
  const [store, other] = [
    await open({ endpoints, credentials }),
    await open({ endpoints, credentials }),
  ];
  const values: unknown[] = [];
  await other.watch((event) => values.push(event.value));
  const leadership = await lead(store);
  const revision = await mustCommit(store, leadership, create(key, "1"));
  const waiting = other.campaign("other", never());
  await server.kill();
  await server.start();
  let basedOn: string | null = revision;
  await eventually("a commit is done", async () => {
    const outcome = await commitOne(store, leadership, { key, basedOn, value: "2" });
    if (outcome.type === "done") basedOn = outcome.revision;
    return outcome.type === "done";
  });
  await eventually("the watcher is told", () => values.includes("2"));
  expect(values).toEqual(["1", "2"]);
  expect(leadership.isValid()).toBe(true);
  await leadership.resign();
  expect((await waiting).term).toBe(leadership.term + 1);
});

test("a wrong or missing user is refused with the keys of the configuration", {
  timeout: 60_000,
}, async () => {
  const server = await start({ auth: { user: "mrr", password } });
  const endpoints = [server.endpoint];
  const keys = ["DBUser", "DBPassword"];
  await expectInvalid(
    { endpoints, credentials: { user: "mrr", password: `${password}x` } },
    ...keys,
  );
  await expectInvalid({ endpoints, credentials: { user: "nobody", password } }, ...keys);
  await expectInvalid({ endpoints }, ...keys);
  await server.kill();
  const late = await open({ endpoints, credentials: { user: "nobody", password } });
  await server.start();
  await expect(late.readAll()).rejects.toMatchObject(invalid("DBUser"));
  await expect(late.campaign("x", never())).rejects.toMatchObject(invalid("DBUser"));
});

test("a user who may only read is found out at the first campaign", {
  timeout: 60_000,
}, async () => {
  const server = await start({ auth: { user: "mrr", password } });
  await server.call("/v3/auth/user/add", { name: "reader", password });
  await server.call("/v3/auth/role/add", { name: "reader" });
  const perm = { permType: "READ", key: "AA==", range_end: "AA==" };
  await server.call("/v3/auth/role/grant", { name: "reader", perm });
  await server.call("/v3/auth/user/grant", { user: "reader", role: "reader" });
  const credentials = { user: "reader", password };
  const store = await open({ endpoints: [server.endpoint], credentials });
  expect(await store.readAll()).toEqual([]);
  await expect(lead(store)).rejects.toMatchObject(invalid("DBUser"));
});

test("a user where etcd knows none is no fault", { timeout: 60_000 }, async () => {
  const server = await start();
  const store = await open({
    endpoints: [server.endpoint],
    credentials: { user: "mrr", password },
  });
  await mustCommit(store, await lead(store), create(key, "1"));
});

test("TLS with an authority of one's own, and with certificates for clients", {
  timeout: 60_000,
}, async () => {
  const authority = new Authority(directory, "ca");
  const stranger = new Authority(directory, "stranger");
  const ca = authority.pair.certificate;
  const server = await start({ tls: authority.sign("server") });
  const endpoints = [server.endpoint];
  const store = await open({ endpoints, tls: { ca, client: null } });
  await mustCommit(store, await lead(store), create(key, "1"));
  const bare = [server.endpoint.replace("https://", "")];
  const again = await open({ endpoints: bare, tls: { ca, client: null } });
  expect((await again.readAll()).map((each) => each.value)).toEqual(["1"]);
  await expectInvalid({ endpoints }, "DBCAFile");
  await expectInvalid(
    { endpoints, tls: { ca: stranger.pair.certificate, client: null } },
    "DBCAFile",
  );
  const own = authority.sign("client");
  const strict = await start({
    tls: { ...authority.sign("strict"), clientCaFile: authority.pair.certificateFile },
  });
  const strictly = [strict.endpoint];
  const known = await open({ endpoints: strictly, tls: { ca, client: own } });
  await mustCommit(known, await lead(known), create(key, "1"));
  await expectInvalid({ endpoints: strictly, tls: { ca, client: null } }, "DBCertFile");
  const foreign = stranger.sign("foreign");
  await expectInvalid({ endpoints: strictly, tls: { ca, client: foreign } }, "DBCertFile");
});

test("files that hold no certificate or key are named", async () => {
  const { pair } = new Authority(directory, "one");
  const other = new Authority(directory, "two").pair;
  const endpoints = ["https://127.0.0.1:1"];
  const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  const certificate = pair.certificate;
  for (const ca of ["", "x", broken, certificate + broken, pair.key]) {
    await expectInvalid({ endpoints, tls: { ca, client: null } }, "DBCAFile");
  }
  const clients = [
    [{ certificate: "", key: pair.key }, "DBCertFile"],
    [{ certificate: broken, key: pair.key }, "DBCertFile"],
    [{ certificate, key: "" }, "DBKeyFile"],
    [{ certificate, key: certificate }, "DBKeyFile"],
    [{ certificate, key: other.key }, "DBKeyFile"],
  ] as const;
  for (const [client, name] of clients) {
    await expectInvalid({ endpoints, tls: { ca: certificate, client } }, name);
  }
});

test("what is no endpoint is refused before anything is asked", async () => {
  const lists = [
    [],
    [""],
    ["a b:1"],
    ["etcd:0"],
    ["etcd:65536"],
    ["ftp://etcd:1"],
    ["http://etcd:1/path"],
    [`http://root:${password}@etcd:1`],
    ["http://a:1", "https://b:1"],
    ["a:1", "https://b:1"],
  ];
  for (const endpoints of lists) await expectInvalid({ endpoints }, "DBEndPoint");
  const tls = { ca: new Authority(directory, "three").pair.certificate, client: null };
  await expectInvalid({ endpoints: ["http://a:1"], tls }, "DBEndPoint");
});

async function listen(server: Server): Promise<string> {
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  listeners.push(server);
  return `http://127.0.0.1:${port}`;
}

test("another kind of server is told from one that is away", { timeout: 60_000 }, async () => {
  const web = await listen(createHttpServer((_, response) => response.end("hello")));
  await expectInvalid({ endpoints: [web] }, "DBEndPoint");
  const chatty = await listen(
    createTcpServer((socket) => {
      socket.on("error", () => {});
      socket.write("220 hello\r\n", () => socket.destroySoon());
    }),
  );
  await expectInvalid({ endpoints: [chatty] }, "DBEndPoint");
  const away = await open({ endpoints: [`http://127.0.0.1:${await freePort()}`] });
  await expect(away.readAll()).rejects.toMatchObject({ code: "store-unavailable" });
});

test("of several endpoints one that serves is enough; one that hangs does not depose", {
  timeout: 60_000,
}, async () => {
  const server = await start();
  const links = [
    await startTcpLink({ port: server.port }),
    await startTcpLink({ port: server.port }),
  ];
  const away = `127.0.0.1:${await freePort()}`;
  const endpoints = [away, ...links.map((link) => `127.0.0.1:${link.port}`)];
  const store = await open({ endpoints, timeLimitMs: 4_000 });
  const leadership = await lead(store);
  let basedOn: string | null = await mustCommit(store, leadership, create(key, "0"));
  const values: unknown[] = [];
  await store.watch((event) => values.push(event.value));
  for (const [index, link] of links.entries()) {
    link.hold();
    const value = String(index + 1);
    const change = { key, basedOn, value };
    await eventually("a commit is told", async () => {
      const outcome = await commitOne(store, leadership, change);
      if (outcome.type === "done") basedOn = outcome.revision;
      else if (outcome.type === "refused" && outcome.reason === "stale") {
        expect(outcome.current?.value).toBe(value);
        basedOn = outcome.current?.revision ?? null;
      } else return false;
      return true;
    });
    await eventually("the watcher is told", () => values.includes(value));
    link.release();
  }
  expect(leadership.isValid()).toBe(true);
  expect(values).toEqual(["1", "2"]);
  await store.close();
  for (const link of links) await link.close();
});
