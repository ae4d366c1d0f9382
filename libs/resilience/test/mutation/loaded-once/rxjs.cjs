'use strict';

module.exports = globalThis.__mutation__.modules['rxjs'];
