/**
 * Owns the admin API of mrr-local: faults on demand, and a look at what they did. Off unless asked for, loopback only, and
 * closed to web pages as the other listeners are. Not: what faults do (faults.ts). Called by shell/local.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { problemsText } from "@mr-redis/core";
import { answerJson, answerRefusal } from "../http/answer.js";
import { readBody } from "../http/body.js";
import { closeServer, createHttpServer, type Handler, listen } from "../http/server.js";
import { stateView } from "../master/view.js";
import type { LocalOptions } from "../options.js";
import type { Log } from "../shell/master-shell.js";
import { type FaultTargets, inflict } from "./faults.js";
import { type FaultRequest, parseFault } from "./requests.js";

/** The only address it is served at: whoever reaches it may end everything. */
export const adminAddress = "127.0.0.1";

/** A serving admin API. */
export interface RunningAdmin {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves it at the port that the options name; 0 takes a free one. */
export async function startAdmin(
  parts: FaultTargets & { readonly options: LocalOptions; readonly log: Log },
): Promise<RunningAdmin> {
  const queues = new Map<string, Promise<unknown>>();
  const post: Handler = (request, response) => answerFault(parts, queues, request, response);
  const routes = new Map<string, Handler>([
    [
      "/faults",
      (request, response) => {
        if (request.method === "POST") return post(request, response);
        answerJson(response, { rules: parts.faults.rules(), done: parts.faults.done() });
      },
    ],
    ["/state", (_request, response) => answerJson(response, adminState(parts))],
  ]);
  const server = createHttpServer(adminAddress, routes, parts.log);
  const port = await listen(server, parts.options.adminPort ?? 0, adminAddress);
  return { port, close: () => closeServer(server) };
}

async function answerFault(
  parts: FaultTargets & { readonly log: Log },
  queues: Map<string, Promise<unknown>>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readBody(request);
  if (!body.ok) return answerRefusal(response, body);
  const fault = parseFault(jsonOf(body.bytes));
  if (!fault.ok) {
    return answerRefusal(response, { status: 400, text: problemsText(fault.problems) });
  }
  parts.log("a fault", { fault: fault.value });
  const key = queueOf(fault.value);
  const outcome = (queues.get(key) ?? Promise.resolve()).then(() => inflict(parts, fault.value));
  queues.set(
    key,
    outcome.catch(() => undefined),
  );
  const became = await outcome;
  if (became.ok) answerJson(response, became.result);
  else answerRefusal(response, { status: 409, text: became.problem });
}

/** Faults of one agent, or of masters, wait for each other. */
function queueOf(fault: FaultRequest): string {
  const number = "agent" in fault ? fault.agent : null;
  return number === null ? fault.type : `agent ${number}`;
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
}

/** What the leader knows, and what only this program can know. */
function adminState({ masters, agents }: FaultTargets): Readonly<Record<string, unknown>> {
  const { leader } = masters;
  return {
    masterPorts: masters.ports,
    leader: leader === null ? null : { id: leader.master.books.masterId, number: masters.leading },
    agents: agents.map(({ id, hostname, state }) => ({ id, hostname, state })),
    mesos: leader === null ? null : stateView(leader.master.books),
  };
}
