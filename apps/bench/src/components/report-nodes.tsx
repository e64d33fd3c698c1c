/** The report's own nodes in the page: what the command line writes into its HTML, made by this document. */

import { useEffect, useRef } from 'react';

export function ReportNodes({
  make,
  onError,
}: {
  /** The nodes; another function makes others. */
  readonly make: () => Promise<readonly Element[]>;
  readonly onError: (error: unknown) => void;
}) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let isStale = false;
    make().then(
      (nodes) => {
        if (!isStale) place.current?.replaceChildren(...nodes);
      },
      (error: unknown) => onError(error),
    );
    return () => {
      isStale = true;
    };
  }, [make, onError]);
  return <div ref={place} data-testid="report" />;
}
