/**
 * Owns the image being there: fetched when it is missing, once for all that wait for it, within a limit, until nobody waits.
 * Not: how (dockerode-engine.ts). Called by container-process.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock } from "@mr-redis/core";
import { type Engine, EngineError, engineText, type PullStep } from "./engine.js";

/** Progress is told in such steps: each is a change of what people are shown, and is stored. */
const percentStep = 10;

/** Layers that are counted: the most that an image can have. */
const layersMax = 128;

/** Told with each step: what happens, for people; null: nothing that takes long. */
export type PullListener = (text: string | null) => void;

interface Pull {
  readonly abort: AbortController;
  readonly listeners: Set<PullListener>;
  readonly done: Promise<void>;
}

/** Sees to one image of one engine. */
export class ImageKeeper {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #image: string;
  readonly #limitMs: number;
  #pull: Pull | null = null;

  constructor(engine: Engine, clock: Clock, image: string, limitMs: number) {
    this.#engine = engine;
    this.#clock = clock;
    this.#image = image;
    this.#limitMs = limitMs;
  }

  /** Resolves when the image is there. Rejects with a sentence for people, and at once when `signal` says so. */
  async ensure(tell: PullListener, signal: AbortSignal): Promise<void> {
    if (await this.#engine.hasImage(this.#image)) return;
    signal.throwIfAborted();
    const pull = this.#pull ?? this.#begin();
    pull.listeners.add(tell);
    tell(`fetches the image ${this.#image}`);
    const leave = (): void => {
      pull.listeners.delete(tell);
      if (pull.listeners.size === 0) pull.abort.abort();
    };
    try {
      await Promise.race([pull.done, rejected(signal)]);
    } finally {
      leave();
    }
    tell(null);
  }

  #begin(): Pull {
    const abort = new AbortController();
    const listeners = new Set<PullListener>();
    const layers = new Map<string, PullStep>();
    let told = 0;
    const onStep = (step: PullStep): void => {
      if (layers.has(step.layer) || layers.size < layersMax) layers.set(step.layer, step);
      const percent = percentOf(layers);
      if (percent < told + percentStep) return;
      told = percent;
      for (const tell of listeners) tell(`fetches the image ${this.#image} (${percent} %)`);
    };
    const done = this.#run(onStep, abort);
    done.catch(() => undefined);
    const pull = { abort, listeners, done };
    this.#pull = pull;
    const end = (): void => {
      if (this.#pull === pull) this.#pull = null;
    };
    void done.then(end, end);
    return pull;
  }

  async #run(onStep: (step: PullStep) => void, abort: AbortController): Promise<void> {
    const image = this.#image;
    const late = new EngineError(
      `the image ${image} could not be fetched within ${this.#limitMs} ms`,
    );
    const timer = this.#clock.after(this.#limitMs, () => abort.abort(late));
    try {
      await Promise.race([this.#engine.pull(image, onStep, abort.signal), rejected(abort.signal)]);
    } catch (error) {
      if (error === late) throw late;
      throw new EngineError(`the image ${image} cannot be fetched: ${engineText(error)}`);
    } finally {
      timer.cancel();
    }
    // An answer that was cut off looks like one that is over.
    if (await this.#engine.hasImage(image)) return;
    throw new EngineError(
      `the image ${image} cannot be fetched: the engine gave up without a word`,
    );
  }
}

/** How much of what is known of has come, in steps. What is known of grows, so this can go back. */
function percentOf(layers: ReadonlyMap<string, PullStep>): number {
  let bytes = 0;
  let bytesAll = 0;
  for (const layer of layers.values()) {
    bytes += Math.min(layer.bytes, layer.bytesAll);
    bytesAll += layer.bytesAll;
  }
  const percent = bytesAll === 0 ? 0 : (bytes / bytesAll) * 100;
  return Math.floor(percent / percentStep) * percentStep;
}

const rejected = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
