#!/usr/bin/env node
// Here and not in dist/, so that the link which npm makes at the installation finds an executable file before and after a build.
await import(new URL('../dist/bin.js', import.meta.url).href);
