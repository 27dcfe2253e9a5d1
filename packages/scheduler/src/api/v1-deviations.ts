/**
 * Owns the list of what /v1 does differently from the ancestor on purpose, each with its reason.
 * Not: the behaviour (v1.ts, origin.ts). Read by v1.test.ts, which holds every entry to the behaviour, and rendered
 * into docs/reference/api.md, which is held equal to it.
 * SPDX-License-Identifier: Apache-2.0
 */

/** One wanted difference. */
export interface V1Deviation {
  /** Stable; tests name it. */
  readonly id: string;
  readonly subject: string;
  readonly ancestor: string;
  readonly here: string;
  readonly reason: string;
}

/** All of them. */
export const v1Deviations = [
  {
    id: "input-checked",
    subject: "CREATE with a bad name, memory, slaves or distribution",
    ancestor: "201; a number that cannot be read counts as 0",
    here: "400, the text says what is allowed",
    reason: "an instance that can never run, or that crashes the scheduler, helps nobody",
  },
  {
    id: "masters-one",
    subject: "CREATE with masters other than 1",
    ancestor: "201, the number is stored and ignored",
    here: "400",
    reason: "there is no Redis Cluster yet",
  },
  {
    id: "body-any-type",
    subject: "CREATE body",
    ancestor: "ignored when the content type is a form (curl's default) or the JSON is broken",
    here: "always read as JSON; broken JSON and bad values are 400",
    reason: "a distribution that was asked for must not get lost in silence",
  },
  {
    id: "config-in-body",
    subject: "CREATE body, field `Config`",
    ancestor: "unknown, ignored",
    here: "Redis settings from an allow-list",
    reason: "new",
  },
  {
    id: "constraints-in-body",
    subject: "CREATE body, field `Constraints`",
    ancestor: "unknown, ignored",
    here: "conditions on the attributes of agents (constraints.md)",
    reason: "new",
  },
  {
    id: "distribution-default",
    subject: "CREATE without Distribution",
    ancestor: "1, as a hard limit",
    here: "as evenly as possible, several on an agent only when there are too few agents",
    reason: "an instance with more processes than agents could never be placed",
  },
  {
    id: "store-down",
    subject: "CREATE and DELETE while the store is down",
    ancestor: "201, 200",
    here: "503 with the reason",
    reason: "what is accepted is never lost",
  },
  {
    id: "delete-creating",
    subject: "DELETE of an instance that is CREATING",
    ancestor: "500, or 200 without effect",
    here: "200, and it is deleted",
    reason: "a defect",
  },
  {
    id: "status-words",
    subject: "STATUS of an instance that is DEGRADED, DELETING or FAILED",
    ancestor: "does not know these",
    here: "DEGRADED and DELETING are shown as RUNNING, FAILED as CREATING with Master null",
    reason: "old clients know three words; /v2 tells more",
  },
  {
    id: "no-stats",
    subject: "STATUS while the figures of a process are not known",
    ancestor: "500 for a master, null for a slave",
    here: "the process with zeros, LastSyncedToMaster -1 for a slave",
    reason: "a defect; null crashed the ancestor's own command line and page",
  },
  {
    id: "list-array",
    subject: "STATUS of all when nothing is RUNNING",
    ancestor: "null, or after a restart [] although instances run",
    here: "[] only when nothing runs",
    reason: "a defect",
  },
  {
    id: "empty-name",
    subject: "/v1/STATUS//",
    ancestor: "an object with an empty name, which stays in memory",
    here: "404",
    reason: "a defect",
  },
  {
    id: "update",
    subject: "UPDATE routes",
    ancestor: "200 with texts of success and no effect, or 501",
    here: "501 until resizing exists",
    reason: "nothing is pretended",
  },
  {
    id: "not-found",
    subject: "Unknown path or method",
    ancestor: "404 with a page of HTML",
    here: "404 with one line of text",
    reason: "clients are programs",
  },
  {
    id: "internal",
    subject: "A defect of the scheduler",
    ancestor: "500 with a page of HTML and a stack trace",
    here: "500 with one line that names the request in the log",
    reason: "stack traces are for the log",
  },
  {
    id: "cors",
    subject: "CORS",
    ancestor: "every origin is echoed",
    here: "headers only for the origins in CorsOrigins (none by default), the lists letter by letter; a preflight is 200",
    reason: "any web page could read and change everything",
  },
  {
    id: "foreign-page",
    subject: "POST, PUT, DELETE sent by a browser for a page of another origin",
    ancestor: "carried out",
    here: "403 unless CorsOrigins names the origin",
    reason: "a POST without a body needs no preflight",
  },
  {
    id: "server-header",
    subject: "Header Server",
    ancestor: "beegoServer:1.5.0",
    here: "none; X-Content-Type-Options: nosniff, Cache-Control: no-store and Mr-Redis-State-Age-Ms are new",
    reason: "no client needs it",
  },
  {
    id: "several-schedulers",
    subject: "A scheduler that does not lead",
    ancestor: "there is only one",
    here: "307 to the same path at the leader; 503 with the reason while nobody leads",
    reason: "a standby must not act",
  },
  {
    id: "host-name",
    subject: "Header Host while HTTPBind is a loopback address",
    ancestor: "any",
    here: "403 unless it is localhost, 127.x.x.x, [::1] or the host of HTTPAdvertise",
    reason: "a web page could reach the API under a name of its own (DNS rebinding)",
  },
  {
    id: "limits",
    subject: "Body over 64 KiB, headers over 16 KiB, slow requests",
    ancestor: "no limits",
    here: "413, 431, 408",
    reason: "one client must not harm the others",
  },
] as const satisfies readonly V1Deviation[];

/** The list as a table in Markdown, as docs/reference/api.md shows it. */
export function renderDeviations(deviations: readonly V1Deviation[]): string {
  const rows = deviations.map(
    ({ subject, ancestor, here, reason }) => `| ${subject} | ${ancestor} | ${here} | ${reason} |`,
  );
  return ["| what | ancestor | mr-redis | why |", "|---|---|---|---|", ...rows].join("\n");
}
