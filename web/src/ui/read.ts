// Reads something once, and again when asked to.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { reasonOf } from "../api/client";

interface Answer<T> {
  readonly data: T | undefined;
  readonly error: string | undefined;
  readonly busy: boolean;
}

export interface Read<T> extends Answer<T> {
  /** Ends when the answer, or why there is none, is on the page. */
  readonly again: () => Promise<void>;
}

/** For a component that is made anew for each thing it reads. */
export function useRead<T>(read: () => Promise<T>): Read<T> {
  const [answer, setAnswer] = useState<Answer<T>>({ data: undefined, error: undefined, busy: true });
  const latest = useRef(read);
  latest.current = read;
  const turn = useRef(0); // the newest reading alone is shown
  const again = useCallback(async () => {
    const own = ++turn.current;
    setAnswer((a) => ({ ...a, busy: true }));
    try {
      const data = await latest.current();
      if (own === turn.current) setAnswer({ data, error: undefined, busy: false });
    } catch (cause) {
      if (own === turn.current) setAnswer((a) => ({ ...a, error: reasonOf(cause), busy: false }));
    }
  }, []);
  useEffect(() => {
    void again();
    return () => {
      turn.current++;
    };
  }, [again]);
  return { ...answer, again };
}
