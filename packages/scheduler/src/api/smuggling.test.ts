/**
 * Owns the proof that no request hides another one: what two programs could read differently is refused, and what stands
 * behind it is never carried out. SPDX-License-Identifier: Apache-2.0
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FakeControlPort, runningView } from "../../test/fake-control-port.js";
import { machineClock } from "../../test/machine-clock.js";
import { openRaw } from "../../test/raw-client.js";
import { createLog } from "../log.js";
import { type ApiServer, createApiServer } from "./server.js";

const host = "127.0.0.1";
let server: ApiServer;
let control: FakeControlPort;
let port: number;

beforeEach(async () => {
  control = new FakeControlPort();
  control.put(runningView("ok"));
  server = createApiServer({
    port: control,
    limits: { timeCheckMs: 50, headersMsMax: 2_000, requestMsMax: 2_500 },
    clock: machineClock,
    corsOrigins: [],
    names: { bind: host, advertise: "" },
    version: "9.9.9",
    log: createLog({ program: "test", level: "silent", destination: "stderr" }),
  });
  ({ port } = await server.listen({ host, port: 0 }));
});
afterEach(() => server.close());

const hidden = "DELETE /v2/instances/ok HTTP/1.1\r\nHost: localhost\r\n\r\n";
const post = (...headers: string[]): string =>
  ["POST /v2/instances HTTP/1.1", "Host: localhost", ...headers, "", ""].join("\r\n");
const chunked = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;

const answersTo = async (text: string): Promise<string[]> => {
  const client = await openRaw(port);
  client.write(text);
  const all = await client.closed;
  return all.match(/HTTP\/1\.1 \d{3}/g) ?? [];
};

describe("a request behind one that can be read in two ways is not carried out", () => {
  it.each([
    [
      "length and chunks",
      `${post("Content-Length: 5", "Transfer-Encoding: chunked")}0\r\n\r\n${hidden}`,
    ],
    [
      "chunks and length",
      `${post("Transfer-Encoding: chunked", "Content-Length: 5")}0\r\n\r\n${hidden}`,
    ],
    ["two lengths", post("Content-Length: 0", `Content-Length: ${hidden.length}`) + hidden],
    ["two lengths in one", post(`Content-Length: 0, ${hidden.length}`) + hidden],
    ["a length with a sign", post("Content-Length: +0") + hidden],
    ["a length in hexadecimal", post("Content-Length: 0x0") + hidden],
    ["a negative length", post("Content-Length: -1") + hidden],
    ["a blank before the colon", post("Content-Length : 0") + hidden],
    ["a folded header", post("X: a", " Content-Length: 0", "Content-Length: 0") + hidden],
    [
      "chunks that are not last",
      post("Transfer-Encoding: chunked, identity") + chunked("x") + hidden,
    ],
    ["chunks of another spelling", `${post("Transfer-Encoding: xchunked")}0\r\n\r\n${hidden}`],
    [
      "chunks twice",
      `${post("Transfer-Encoding: chunked", "Transfer-Encoding: x")}0\r\n\r\n${hidden}`,
    ],
    ["a chunk size with blanks", `${post("Transfer-Encoding: chunked")}0 x\r\n\r\n${hidden}`],
    ["a huge chunk size", `${post("Transfer-Encoding: chunked")}${"f".repeat(17)}\r\n${hidden}`],
    ["a bare line feed", post("Content-Length: 0").replace(/\r\n/g, "\n") + hidden],
    ["a null in a header", post("X: a\0b", "Content-Length: 0") + hidden],
    ["another protocol", `POST /v2/instances HTTP/9.9\r\nHost: localhost\r\n\r\n${hidden}`],
  ])("%s", async (_what, text) => {
    const answers = await answersTo(text);
    expect(answers.length).toBeLessThanOrEqual(1);
    expect(answers[0] ?? "HTTP/1.1 400").toMatch(/^HTTP\/1\.1 4\d\d$/);
    expect(control.requests).toEqual([]);
    expect(control.view("ok")?.document.status).toBe("RUNNING");
  });
});

it("a body that is as long as it says is read to its end, and the next request is one of its own", async () => {
  const client = await openRaw(port);
  const body = `{"name":"x","nothing":"${hidden.replaceAll("\r\n", " ")}"}`;
  client.write(post(`Content-Length: ${body.length}`) + body);
  client.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  const all = await client.closed;
  expect(all.match(/HTTP\/1\.1 \d{3}/g)).toEqual(["HTTP/1.1 400", "HTTP/1.1 200"]);
  expect(control.view("ok")?.document.status).toBe("RUNNING");
});
