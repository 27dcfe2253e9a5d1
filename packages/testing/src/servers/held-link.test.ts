/**
 * Owns the tests of the link that tests hold back.
 * SPDX-License-Identifier: Apache-2.0
 */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { until } from "../eventually.js";
import { startTcpLink, type TcpLink } from "./held-link.js";

let server: Server;
let link: TcpLink;
let heard = "";
const sockets: Socket[] = [];

beforeEach(async () => {
  heard = "";
  // An echo that remembers what it heard.
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      heard += chunk.toString();
      socket.write(chunk);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  link = await startTcpLink({ port: address.port });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await link.close();
  await new Promise((resolve) => server.close(resolve));
});

function dial(): { socket: Socket; text: () => string; closed: () => boolean } {
  const socket = connect({ port: link.port, host: "127.0.0.1" });
  sockets.push(socket);
  let text = "";
  let isClosed = false;
  socket.on("data", (chunk) => {
    text += chunk.toString();
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    isClosed = true;
  });
  return { socket, text: () => text, closed: () => isClosed };
}

test("what is held back passes at the release, in order", async () => {
  const client = dial();
  client.socket.write("1");
  await until(() => client.text() === "1", { what: "the echo" });
  link.hold();
  client.socket.write("2");
  client.socket.write("3");
  const late = dial();
  late.socket.write("4");
  await until(() => late.socket.bytesWritten === 1, { what: "the write on a new connection" });
  expect(heard).toBe("1");
  link.release();
  await until(() => client.text() === "123" && late.text() === "4", { what: "the echoes" });
});

test("bytes that were held back arrive though their sender is gone", async () => {
  const client = dial();
  client.socket.write("1");
  await until(() => client.text() === "1", { what: "the echo" });
  link.hold();
  client.socket.end("2");
  await once(client.socket, "finish");
  link.release();
  await until(() => heard === "12", { what: "the held byte" });
});

test("a cut ends connections and refuses new ones until the release", async () => {
  const client = dial();
  client.socket.write("1");
  await until(() => client.text() === "1", { what: "the echo" });
  link.cut();
  await until(client.closed, { what: "the end" });
  const refused = dial();
  refused.socket.write("x");
  await until(refused.closed, { what: "the refusal" });
  expect(heard).toBe("1");
  link.release();
  const again = dial();
  again.socket.write("2");
  await until(() => again.text() === "2", { what: "the echo" });
});
