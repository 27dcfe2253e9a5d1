/**
 * Owns the routes of a master's listener: before it is ready, and afterwards.
 * Not: the endpoints (http/). Called by shell/local.ts and remote/master.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { answerEmpty, answerJson, answerRedirect, answerText } from "../http/answer.js";
import { serveScheduler } from "../http/scheduler-endpoint.js";
import type { Handler } from "../http/server.js";
import { stateView } from "../master/view.js";
import { mesosVersion } from "../options.js";
import type { MasterShell } from "./master-shell.js";

const schedulerPaths = ["/api/v1/scheduler", "/master/api/v1/scheduler"];

/** Paths of which a real master answers the same 503 while nobody leads. */
const leaderPaths = ["/redirect", "/master/redirect", "/state", "/master/state"];

const unavailable =
  (text: string): Handler =>
  (request, response) => {
    request.resume();
    answerText(response, 503, text);
  };

const answerNotReady = unavailable("Master has not finished recovery");

/** From now on nobody leads. */
export function setLeaderless(routes: Map<string, Handler>): void {
  for (const path of [...schedulerPaths, ...leaderPaths]) {
    routes.set(path, unavailable("No leader elected"));
  }
}

/** From now on this master leads, and does not know yet which agents there were. */
export function setRecovering(routes: Map<string, Handler>): void {
  for (const path of schedulerPaths) routes.set(path, answerNotReady);
}

/** From now on another one leads, at `address`. */
export function setRedirecting(routes: Map<string, Handler>, address: string): void {
  const redirect =
    (path: string): Handler =>
    (request, response) => {
      request.resume();
      answerRedirect(response, `${address}${path}`);
    };
  for (const path of schedulerPaths) routes.set(path, redirect("/master/api/v1/scheduler"));
  for (const path of leaderPaths) {
    routes.set(path, redirect(path.endsWith("/redirect") ? "" : "/master/state"));
  }
}

/** Routes of a master that is not ready; {@link addMasterRoutes} makes them those of a ready one. */
export const unreadyRoutes = (): Map<string, Handler> =>
  new Map(schedulerPaths.map((path) => [path, answerNotReady]));

/** From now on the routes lead to this master. A request waits for `gate` before anything is done with it. */
export function addMasterRoutes(
  routes: Map<string, Handler>,
  master: MasterShell,
  gate: () => Promise<void> | null = () => null,
): void {
  const serve: Handler = async (request, response) => {
    const opening = gate();
    if (opening !== null) await opening;
    await serveScheduler(master.endpoint, request, response);
  };
  for (const path of schedulerPaths) routes.set(path, serve);
  const { ip, port } = master.master.books.settings.address;
  for (const prefix of ["", "/master"]) {
    routes.set(`${prefix}/redirect`, (_request, response) =>
      answerRedirect(response, `${ip}:${port}`),
    );
    routes.set(`${prefix}/health`, (_request, response) => answerEmpty(response));
    routes.set(`${prefix}/version`, (_request, response) =>
      answerJson(response, { version: mesosVersion, program: "mrr-local" }),
    );
    routes.set(`${prefix}/state`, (_request, response) =>
      answerJson(response, stateView(master.master.books)),
    );
  }
}
