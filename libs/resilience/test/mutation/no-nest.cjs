'use strict';

/** Stands in for Nest's packages, which CommonJS cannot load: its errors, and decorators that decorate nothing. */
class HttpException extends Error {
  constructor(response, status) {
    super(String(response));
    this.response = response;
    this.status = status;
  }

  getStatus() {
    return this.status;
  }
}

const EXPORTS = {
  __esModule: true,
  HttpException,
  NotFoundException: class NotFoundException extends HttpException {
    constructor() {
      super('Not Found', 404);
    }
  },
  ServiceUnavailableException: class ServiceUnavailableException extends HttpException {
    constructor() {
      super('Service Unavailable', 503);
    }
  },
};

module.exports = new Proxy(EXPORTS, {
  get: (known, name) => (Object.hasOwn(known, name) ? known[name] : () => () => undefined),
});
