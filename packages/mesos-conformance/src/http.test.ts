/**
 * Tests of single requests: exact headers, the credential, and limits; and of the station that executors report to.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { afterEach, expect, test } from "vitest";
import { type Access, sendRequest } from "./http.js";
import { startStation } from "./station.js";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

function serve(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<URL> {
  const server = createServer(handle);
  servers.push(server);
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      resolve(new URL(`http://127.0.0.1:${port}/`));
    });
  });
}

const access: Access = { authorization: undefined, ca: undefined, answerMsMax: 20_000 };

test("no header is added but the length, the host, the connection and the credential", async () => {
  const seen: string[][] = [];
  const url = await serve((request, response) => {
    seen.push(Object.keys(request.headers).sort());
    response.writeHead(202).end("taken");
  });
  const answer = await sendRequest(url, access, { body: "{}" });
  expect([answer.status, answer.text]).toEqual([202, "taken"]);
  await sendRequest(url, { ...access, authorization: "Basic x" }, { headers: { Accept: "a" } });
  expect(seen).toEqual([
    ["connection", "content-length", "host"],
    ["accept", "authorization", "connection", "content-length", "host"],
  ]);
});

test("a stream that comes instead of an answer is cut off at its head", async () => {
  const url = await serve((_request, response) => {
    response.writeHead(200, { "Mesos-Stream-Id": "s" });
    response.write("20\n");
  });
  expect(await sendRequest(url, access, {})).toMatchObject({ status: 200, text: "" });
});

test("an answer that does not come, or not whole, is an error", async () => {
  const silent = await serve(() => undefined);
  const quick = { ...access, answerMsMax: 100 };
  await expect(sendRequest(silent, quick, {})).rejects.toThrow("no answer from");
  const half = await serve((_request, response) => {
    response.writeHead(200, { "Content-Length": "10" });
    response.write("half");
  });
  await expect(sendRequest(half, quick, {})).rejects.toThrow("not whole within 100 ms");
  const cut = await serve((_request, response) => {
    response.writeHead(200, { "Content-Length": "10" });
    response.write("half", () => response.destroy());
  });
  await expect(sendRequest(cut, access, {})).rejects.toThrow(/aborted|cut off/);
});

test("the station takes notes of those who know its token, and nothing else", async () => {
  const station = await startStation({
    ...{ bind: "127.0.0.1", advertise: "127.0.0.1", port: 0, token: "secret" },
    ...{ executorFile: tmpdir(), nodeFile: null },
  });
  const post = async (path: string, body: unknown) => {
    const answer = await sendRequest(new URL(path), access, { body: JSON.stringify(body) });
    return [answer.status, answer.text];
  };
  const { origin } = new URL(station.url);
  expect(await post(`${origin}/guess/notes/F/E`, [{ type: "x" }])).toEqual([404, ""]);
  expect(await post(`${station.url}/notes/F/E`, [{ type: "a" }])).toEqual([200, ""]);
  expect(await post(`${station.url}/notes/F/E`, [{ type: "b" }, { type: "c" }])).toEqual([200, ""]);
  expect(await post(`${station.url}/notes/F/E`, "no list")).toEqual([200, ""]);
  expect(station.notes("F/E").map(({ type }) => type)).toEqual(["a", "b", "c"]);
  expect(station.notes("F/other")).toEqual([]);
  expect(await post(`${station.url}/told/F/E`, {})).toEqual([200, "no"]);
  station.tell("F/E");
  expect(await post(`${station.url}/told/F/E`, {})).toEqual([200, "yes"]);
  expect(station.beatAtMs("F/E")).toBe(0);
  await post(`${station.url}/beats/F/E`, {});
  expect(station.beatAtMs("F/E")).toBeGreaterThan(0);
  expect(await post(`${station.url}/nowhere`, {})).toEqual([404, ""]);
  await expect(post(`${station.url}/notes/F/E`, undefined)).rejects.toThrow();
  await station.close();
});
