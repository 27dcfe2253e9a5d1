/**
 * Owns the one table of operating errors: code, whether a retry can help, HTTP status, exit code, help.
 * Not: expected outcomes (typed results) nor programmer errors (assert.ts). Called by every shell.
 * SPDX-License-Identifier: Apache-2.0
 */

/** What the table says about one code. */
export interface ErrorEntry {
  readonly retryable: boolean;
  readonly httpStatus: number;
  /** Exit code of a program that ends because of it. */
  readonly exitCode: number;
  /** One line: what to do about it. */
  readonly help: string;
}

const entry = (
  httpStatus: number,
  exitCode: number,
  help: string,
  retryable = false,
): ErrorEntry => ({ retryable, httpStatus, exitCode, help });

/** Every code that mr-redis can report; docs/reference/errors.md is held equal to it by a test. */
export const errorTable = {
  "invalid-request": entry(400, 2, "Correct the named field; the text says what is allowed."),
  "unsupported-request": entry(400, 2, "This is not built; the text says what is."),
  "body-too-large": entry(413, 2, "Send a smaller body; the limit is in the text."),
  unauthenticated: entry(
    401,
    6,
    "Give a token that the scheduler knows: `--token-file`, MRR_TOKEN_FILE or MRR_TOKEN.",
  ),
  forbidden: entry(403, 6, "The text names the role that is needed; ask for a token that has it."),
  "rate-limited": entry(429, 5, "Ask less often; HTTPRequestsPerSecond is the limit.", true),
  "instance-exists": entry(409, 4, "Choose another name, or delete the instance first."),
  "instance-not-found": entry(404, 3, "Check the name with `mrr list`."),
  "instance-deleted": entry(409, 4, "The instance is already deleted; create it again."),
  "instance-failed": entry(
    500,
    11,
    "`mrr status` shows the reason; repair it, or delete the instance.",
  ),
  "failover-refused": entry(
    409,
    4,
    "The text says why; `mrr failover --help` says what `--force` gives up.",
  ),
  "rotation-refused": entry(409, 4, "The text says why; only instances with Auth have passwords."),
  "secret-key-missing": entry(
    409,
    4,
    "Name a key file as SecretKeyFile and start the scheduler again, or do without Auth and Tls.",
  ),
  "not-ready": entry(503, 5, "The scheduler is starting or has no leader; try again.", true),
  overloaded: entry(503, 5, "Too many clients at once; try again a little later.", true),
  "store-unavailable": entry(503, 5, "The store does not answer; check it, then try again.", true),
  "store-refused": entry(409, 4, "Someone else changed the instance; try again.", true),
  "store-locked": entry(503, 5, "Another scheduler uses this data directory; stop it first."),
  "store-newer": entry(500, 2, "A newer mr-redis wrote this record; use that version."),
  "store-corrupt": entry(
    500,
    2,
    "The record cannot be read; `mrr-scheduler store check` names all. Restore a backup or remove it.",
  ),
  "store-sealed": entry(
    500,
    2,
    "Name the key file with these keys as SecretKeyFile; without them the secrets in the store cannot be read.",
  ),
  "mesos-unavailable": entry(503, 5, "The Mesos master does not answer; check its address.", true),
  "framework-removed": entry(500, 3, "The framework was removed; an operator must decide."),
  "framework-failed-over": entry(503, 7, "Another scheduler took over; this one stops."),
  "config-invalid": entry(500, 2, "Correct the configuration; each problem names its key."),
  "port-taken": entry(500, 8, "Another program listens there; stop it or choose another port."),
  "redis-missing": entry(500, 9, "Install redis-server 6.2 or later, or name it in RedisPath."),
  "redis-too-old": entry(500, 9, "Redis 6.2 or later, or Valkey, is needed."),
  "unreachable-endpoint": entry(
    502,
    5,
    "Is the scheduler running? Start it with `npm start`.",
    true,
  ),
  timeout: entry(504, 10, "It took longer than the limit; look at the status.", true),
  internal: entry(500, 70, "A defect of mr-redis; report it with the log."),
} as const satisfies Readonly<Record<string, ErrorEntry>>;

/** A code of {@link errorTable}. */
export type ErrorCode = keyof typeof errorTable;

const brand = Symbol.for("mr-redis.error");

/** The one class of operating errors. Branch on `code`, never on the message. */
export class MrrError extends Error {
  override readonly name = "MrrError";
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;
  readonly [brand] = true;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** True for an error of mr-redis, also one made by another copy of this package. */
export const isMrrError = (value: unknown): value is MrrError =>
  typeof value === "object" && value !== null && brand in value;
