import { catchError, defer, lastValueFrom, of, retry, tap, timeout } from 'rxjs';

import { Bare } from './bare.mjs';

/** What one would write by hand from the operators of RxJS; the taps stand for a breaker's bookkeeping. */
export function rxjsPipe() {
  const service = new Bare();
  let succeeded = 0;
  let failed = 0;
  const protect = (id) =>
    lastValueFrom(
      defer(() => service.get(id)).pipe(
        timeout(1000),
        tap({ next: () => succeeded++, error: () => failed++ }),
        retry({ count: 3, delay: 100 }),
        catchError(() => of('fallback')),
      ),
    );
  return { name: 'rxjs: defer, timeout, tap, retry, catchError', call: protect };
}
