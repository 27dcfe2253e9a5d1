/**
 * Owns the one translation of what gRPC and etcd say when something fails.
 * Not: what is done about it. Called by the etcd driver.
 * SPDX-License-Identifier: Apache-2.0
 */
import { MrrError } from "@mr-redis/core";

/**
 * away: not reached, or no answer in time. config: the configuration must be changed; the text names the key. full: NOSPACE.
 * compacted: revisions that were asked for are gone. no-lease: the lease has ended. token: the login is not known (any
 * more). large: the answer or the request is larger than one message may be. other: anything else that etcd says.
 */
export type FailureKind =
  | "away"
  | "config"
  | "full"
  | "compacted"
  | "no-lease"
  | "token"
  | "large"
  | "other";

/** Why a call failed. Never leaves the driver. */
export class EtcdFailure extends Error {
  override readonly name = "EtcdFailure";
  readonly kind: FailureKind;
  /** True when etcd has refused the request: it had no effect and never will. */
  readonly isRefusal: boolean;

  constructor(kind: FailureKind, message: string, isRefusal = false) {
    super(message);
    this.kind = kind;
    this.isRefusal = isRefusal;
  }
}

/** What gRPC says of a call; anything may be thrown. */
interface Status {
  readonly code: number | null;
  readonly details: string;
}

function statusOf(error: unknown): Status {
  if (typeof error !== "object" || error === null) return { code: null, details: String(error) };
  const code = "code" in error && typeof error.code === "number" ? error.code : null;
  const details = "details" in error && typeof error.details === "string" ? error.details : null;
  return { code, details: details ?? ("message" in error ? String(error.message) : "") };
}

/** Longest text of another program that is repeated. */
const detailsCharactersMax = 300;

/** Codes of gRPC (https://grpc.io/docs/guides/status-codes/). */
const code = {
  unknown: 2,
  deadlineExceeded: 4,
  notFound: 5,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

/** etcd's own refusals, by its text: its codes are shared by several. */
const refusals: readonly (readonly [RegExp, FailureKind, string])[] = [
  [
    /database space exceeded/,
    "full",
    "its quota is used up (NOSPACE): compact, defragment, then disarm the alarm",
  ],
  [/required revision has been compacted/, "compacted", ""],
  [/requested lease not found/, "no-lease", ""],
  [/invalid auth token|revision of auth store is old|revision in header is old/, "token", ""],
  [/request is too large|too many operations/, "large", ""],
  [/authentication failed, invalid user ID or password/, "config", "correct DBUser and DBPassword"],
  [
    /user name is empty|user name not found/,
    "config",
    "it wants a user: set DBUser and DBPassword",
  ],
  [
    /permission denied/,
    "config",
    "grant the user of DBUser to read and write all keys below the prefix",
  ],
];

/** Faults of a TLS connection, with the key of the configuration that is most likely wrong. */
const tlsFaults: readonly (readonly [RegExp, string])[] = [
  [
    /self.signed certificate|unable to (verify|get)|certificate has expired|not yet valid/i,
    "correct DBCAFile",
  ],
  [/altname|does not match certificate/i, "name the server in DBEndPoint as its certificate does"],
  [
    /certificate required|bad certificate|unknown ca|alert certificate/i,
    "correct DBCertFile and DBKeyFile",
  ],
  [
    /wrong version number|packet length too long/i,
    "it speaks no TLS: correct https:// in DBEndPoint",
  ],
  [/\bSSL routines\b/, "correct DBCAFile, DBCertFile and DBKeyFile"],
];

const join = (text: string, advice: string): string =>
  advice === "" ? text : `${text}; ${advice}`;

/** What went wrong with a call to `endpoint`. */
export function failureOf(error: unknown, endpoint: string): EtcdFailure {
  if (error instanceof EtcdFailure) return error;
  const status = statusOf(error);
  const said = status.details
    .slice(0, detailsCharactersMax)
    .replace(/ \(\d{4}-[\d:.TZ-]+\)/, "")
    .replace(/\.? Resolution note:\s*$/, "")
    .replaceAll(/\s+/g, " ");
  const text = `etcd at ${endpoint}: ${said}`;
  if (/etcdserver: /.test(status.details)) {
    const known = refusals.find(([form]) => form.test(status.details));
    // NOSPACE is also said of what was applied: the quota is looked at once more after that.
    if (known !== undefined) {
      return new EtcdFailure(known[1], join(text, known[2]), known[1] !== "full");
    }
    // "request timed out", "leader changed", "no leader", "server stopped", "too many requests".
    return new EtcdFailure(isAway(status.code) ? "away" : "other", text);
  }
  if (status.code === code.unimplemented || status.code === code.notFound) {
    return new EtcdFailure(
      "config",
      `${text}; what answers there is no etcd v3: correct DBEndPoint`,
    );
  }
  if (status.code === code.unavailable) {
    if (/Protocol error/.test(status.details)) {
      return new EtcdFailure(
        "config",
        `${text}; what answers there is no etcd v3: correct DBEndPoint`,
      );
    }
    const fault = tlsFaults.find(([form]) => form.test(status.details));
    return new EtcdFailure(fault === undefined ? "away" : "config", join(text, fault?.[1] ?? ""));
  }
  if (status.code === code.resourceExhausted) {
    // In these words the server refuses a request; gRPC here says of an answer "Received message ...".
    return new EtcdFailure("large", text, status.details.startsWith("grpc: received message"));
  }
  return new EtcdFailure(isAway(status.code) ? "away" : "other", text);
}

const isAway = (of: number | null): boolean =>
  of === code.unavailable || of === code.deadlineExceeded || of === code.internal || of === 1;

/**
 * The error that callers see. What only a wrong configuration explains is `config-invalid` as long as the store has
 * never answered; later it is a fault of the store.
 */
export function toMrrError(error: unknown, hasAnswered: boolean): unknown {
  if (!(error instanceof EtcdFailure)) return error;
  const kind = error.kind === "config" && !hasAnswered ? "config-invalid" : "store-unavailable";
  return new MrrError(kind, error.message);
}
