// Reads something again and again while somebody can see it.

/** The part of a document that says whether it is seen. */
export interface Page extends EventTarget {
  readonly hidden: boolean;
}

interface Polling<T> {
  read: (signal: AbortSignal) => Promise<T>;
  /** Time from the start of one reading to the start of the next. */
  everyMs: number;
  take: (answer: T) => void;
  fail: (cause: unknown) => void;
  /** The document, where a test has none. */
  page?: Page;
}

/** After an answer that was late, the service has at least this share of the time for itself. */
const restShare = 0.1;

/**
 * Starts reading, and goes on until the returned function is called. A hidden
 * page reads nothing; what is under way then is given up. One that is seen
 * again reads at once. There is never more than one request.
 */
export function startPolling<T>({ read, everyMs, take, fail, page = document }: Polling<T>): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running: AbortController | undefined;
  const next = async () => {
    const own = new AbortController();
    running = own;
    const started = performance.now();
    try {
      const answer = await read(own.signal);
      if (!own.signal.aborted) take(answer);
    } catch (cause) {
      if (!own.signal.aborted) fail(cause);
    }
    if (own.signal.aborted) return;
    timer = setTimeout(() => void next(), Math.max(everyMs * restShare, everyMs - (performance.now() - started)));
  };
  const stop = () => {
    clearTimeout(timer);
    running?.abort();
  };
  const look = () => {
    stop();
    if (!page.hidden) void next();
  };
  page.addEventListener("visibilitychange", look);
  look();
  return () => {
    page.removeEventListener("visibilitychange", look);
    stop();
  };
}
