/**
 * Owns a link between clients and a ZooKeeper, in a thread of its own: it can be held back, let go and cut, and it can
 * lose the next write or the answer to it. (The C client blocks its whole thread while it ends a session: a link in
 * that thread would keep it waiting for itself.) Not: who holds it (zookeeper-link.ts, which starts this thread).
 * SPDX-License-Identifier: Apache-2.0
 */
import { connect, createServer } from "node:net";
import { parentPort, workerData } from "node:worker_threads";

/** Requests that write, by their number in the protocol: create, delete, setData. */
const writeTypes = new Set([1, 2, 5]);

/** The path comes first in each of them. A leader writes its own node now and then: no commit is lost with that. */
const isCommit = (frame) =>
  writeTypes.has(frame.readInt32BE(8)) &&
  !frame.toString("utf8", 16, 16 + frame.readInt32BE(12)).endsWith("/leader");

const acks = new Int32Array(workerData.acks);
const pairs = new Set();
let state = "open";
/** null, "request" or "answer": what is lost next. */
let loseNext = null;

/** Calls back with each whole frame: its length in 4 bytes, and that many bytes. */
function framesOf(onFrame) {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0);
      onFrame(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
  };
}

class Pair {
  constructor(client) {
    this.client = client;
    this.server = connect({ host: "127.0.0.1", port: workerData.port, noDelay: true });
    this.held = [];
    this.lostXid = null;
    this.forward(client, this.server, (frame) => this.request(frame));
    this.forward(this.server, client, (frame) => this.answer(frame));
  }

  forward(from, to, isPassed) {
    let isFirst = true;
    const take = framesOf((frame) => {
      const passes = isFirst || isPassed(frame);
      isFirst = false;
      if (!passes) return;
      if (state === "held") this.held.push(() => to.write(frame));
      else to.write(frame);
    });
    from.on("data", take);
    from.on("error", () => {});
    from.on("close", () => {
      const end = () => to.end(() => pairs.delete(this));
      if (state === "held") this.held.push(end);
      else end();
    });
  }

  request(frame) {
    if (loseNext === null || !isCommit(frame)) return true;
    const lost = loseNext;
    loseNext = null;
    if (lost === "request") this.cut();
    else this.lostXid = frame.readInt32BE(4);
    return lost === "answer";
  }

  answer(frame) {
    if (this.lostXid === null || frame.readInt32BE(4) !== this.lostXid) return true;
    this.cut();
    return false;
  }

  release() {
    for (const pass of this.held.splice(0)) pass();
  }

  cut() {
    this.held = [];
    this.client.destroy();
    this.server.destroy();
    pairs.delete(this);
  }
}

const server = createServer({ noDelay: true }, (client) => {
  if (state !== "cut") return pairs.add(new Pair(client));
  client.on("error", () => {});
  client.resetAndDestroy();
});

const commands = {
  hold: () => {
    state = "held";
  },
  release: () => {
    state = "open";
    for (const pair of pairs) pair.release();
  },
  cut: () => {
    state = "cut";
    for (const pair of [...pairs]) pair.cut();
  },
  "lose-request": () => {
    loseNext = "request";
  },
  "lose-answer": () => {
    loseNext = "answer";
  },
};

parentPort.on("message", (command) => {
  commands[command]();
  Atomics.add(acks, 0, 1);
  Atomics.notify(acks, 0);
});
server.listen({ host: "127.0.0.1", port: 0 }, () => parentPort.postMessage(server.address().port));
