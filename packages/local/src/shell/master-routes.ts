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

const answerNotReady: Handler = (request, response) => {
  request.resume();
  answerText(response, 503, "Master has not finished recovery");
};

/** Routes of a master that is not ready; {@link addMasterRoutes} makes them those of a ready one. */
export const unreadyRoutes = (): Map<string, Handler> =>
  new Map(schedulerPaths.map((path) => [path, answerNotReady]));

/** From now on the routes lead to this master. */
export function addMasterRoutes(routes: Map<string, Handler>, master: MasterShell): void {
  const serve: Handler = (request, response) => serveScheduler(master.endpoint, request, response);
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
