/**
 * Owns a master that lies: a proxy in front of a real one that changes answers and events, for tests of the checks.
 * Called by liar.test.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import http from "node:http";
import { createRecordDecoder, encodeRecord, type SchedulerEvent } from "@mr-redis/mesos";

/** How it lies. */
export interface Lies {
  /** Another text for every answer that is no stream and not empty. */
  readonly text?: (text: string) => string;
  /** Another status. */
  readonly status?: (status: number) => number;
  /** Another event. */
  readonly event?: (event: SchedulerEvent) => SchedulerEvent;
  /** Each time when this long has passed, the last OFFERS is sent again. */
  readonly echoOffersMs?: number;
}

/** A running liar. */
export interface Liar {
  readonly url: string;
  close(): void;
}

function lieInStream(from: http.IncomingMessage, to: http.ServerResponse, lies: Lies): void {
  const decoder = createRecordDecoder();
  let lastOffers: Uint8Array | null = null;
  const echo = () => {
    if (lastOffers !== null) to.write(lastOffers);
  };
  const timer = lies.echoOffersMs === undefined ? undefined : setInterval(echo, lies.echoOffersMs);
  from.on("data", (chunk: Buffer) => {
    for (const record of decoder.push(chunk).records) {
      const told: SchedulerEvent = JSON.parse(Buffer.from(record).toString());
      const event = lies.event === undefined ? told : lies.event(told);
      const bytes = encodeRecord(Buffer.from(JSON.stringify(event)));
      if (event.type === "OFFERS") lastOffers = bytes;
      to.write(bytes);
    }
  });
  from.on("error", () => to.destroy());
  from.on("end", () => to.end());
  to.on("close", () => {
    clearInterval(timer);
    from.destroy();
  });
}

/** Starts one in front of `master`; streams must be in JSON. */
export function startLiar(master: string, lies: Lies): Promise<Liar> {
  const server = http.createServer((request, response) => {
    const { method, headers } = request;
    const options = { agent: false, headers, ...(method === undefined ? {} : { method }) };
    const forward = http.request(`${master}${request.url}`, options, (answer) => {
      const status = answer.statusCode ?? 0;
      const { "content-length": _length, "transfer-encoding": _encoding, ...rest } = answer.headers;
      response.writeHead(lies.status?.(status) ?? status, rest);
      if (answer.headers["mesos-stream-id"] !== undefined) {
        lieInStream(answer, response, lies);
        return;
      }
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      answer.on("end", () => response.end(text === "" ? "" : (lies.text?.(text) ?? text)));
    });
    forward.on("error", () => response.destroy());
    request.pipe(forward);
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      resolve({
        url: `http://127.0.0.1:${port}`,
        close: () => void server.close().closeAllConnections(),
      });
    });
  });
}
