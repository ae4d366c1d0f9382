export * from './kinds.js';
export * from './option.js';
export * from './options.js';
