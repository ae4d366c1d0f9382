/**
 * Stock applications that `npm run test:matrix` makes of what npm would publish: one entry each. Commands run in the
 * application's folder, `make` in the one above it.
 *
 * @typedef {object} Row
 * @property {string} name
 * @property {string} make makes the application in the folder `app`
 * @property {string[]} packages folders of `libs/`: their tarballs are given to `install`
 * @property {string} install what precedes the tarballs
 * @property {string} files folder of files that replace those in `src`, each with `.txt` behind its name
 * @property {[RegExp, string][]} main what is changed in `src/main.ts`
 * @property {string} build the application's own command
 * @property {string[]} start program and arguments; it gets PORT and ADMIN_TOKEN
 * @property {string[]} checks names of `checks.mjs`, run in this order
 * @property {{ name: string, run: string, says: RegExp, why: string }[]} known what is known to fail: in the table, and no failure
 */

/** @type {Row[]} */
export const rows = [
  {
    name: 'Nest 11, CommonJS, Express, npm',
    make: 'npx --yes --package @nestjs/cli@11 nest new app --skip-git --skip-install --package-manager npm',
    packages: ['resilience', 'workflow'],
    install: 'npm install --no-audit --no-fund --prefer-offline',
    files: 'nest-cli-application',
    main: [[/(const app = .*;)/, '$1\n  app.enableShutdownHooks();']],
    build: 'npm run build',
    start: ['node', 'dist/main'],
    checks: [
      'boot table',
      'retry',
      'open circuit',
      'admin route',
      'workflow route',
      'refused body',
      'no warning',
      'clean close',
    ],
    known: [
      {
        name: 'its own jest',
        run: 'npx jest',
        says: /Must use import to load ES Module/,
        why: 'the packages are ES modules only, which jest cannot require',
      },
    ],
  },
];
